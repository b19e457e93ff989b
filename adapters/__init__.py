"""Everything that touches the world: the event processors that drive us, the parties we drive."""
