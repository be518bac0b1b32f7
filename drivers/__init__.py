"""Everything that talks to something outside the process: pumps, meters, rooms, prices, weather."""
