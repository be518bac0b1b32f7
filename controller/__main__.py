"""`heatherd`, and `python -m controller`: the command line.

A process of its own imports the program that started it anew (`multiprocessing`'s way to spawn):
because nothing is imported here before it is called, the planner's process holds the planner only.
"""


def main() -> None:
    """Run the command line."""
    from controller.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
