"""What the board shows: (objects, now) -> pages as values. Pure; `controller/board/` reads the objects and answers."""
