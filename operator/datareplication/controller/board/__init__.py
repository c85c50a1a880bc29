"""The board's port: reads the objects, builds pages with `core/board/`, answers GET and HEAD."""
