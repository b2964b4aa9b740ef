"""Plain files: ``root``, ``alias``, ``index``, ``try_files``.

plain        the content: which file, its head
filepaths    where files are
filebody     sending them at the client's speed
ranges       parts of them; conditions on a request
tryfiles     the first of several
pixel        one that is in memory
bodyfiles    bodies of requests in files
autoindex    lists of folders
precompressed  copies that are compressed already
"""
