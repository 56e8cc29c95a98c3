// Types of what a framegate script may touch.
