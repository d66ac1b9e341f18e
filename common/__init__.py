"""What all reports share. Imports run one way: a report imports common, never the reverse."""
