"""The way of a change: from a command to every reader of the map, or to nobody.

    command   Update and Delete as values and as bytes
    lock      one change at a time: hold the lock now, wait in order, or LockHeld
    change    the only write path: check, look up, store, apply

``admin`` comes in here, and so will scripts; ``persist`` puts the commands on disk, ``upstream`` holds the map.
Nothing here knows HTTP, and nothing here touches a file.
"""
