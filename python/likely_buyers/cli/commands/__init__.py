"""The commands, a module a group. Each is thin: it is given the project and calls a room."""
