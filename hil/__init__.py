"""The other side of the wire: a simulated house and heat pump behind real protocols."""
