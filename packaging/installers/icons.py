"""Icons in the formats and sizes that systems ask for, drawn from the one SVG."""
