"""From configuration text to frozen settings.

    values       sizes, times, flags, addresses as nginx writes them
    lexer        text to tokens with their lines; configuration, dump and POST bodies alike
    parser       tokens to a tree of directives, includes followed
    directives/  the table: context, arguments, default, merge rule, doc text of each directive
    build        tree to model: inheritance, checks, errors with file:line
    upstreams    the commands of an ``upstream`` block to and from text; used for POST bodies as well
    variables    ``http://$host$uri`` compiled to one callable
    regex        PCRE to Python's where no text can make a search long (``regexcost``), else to PCRE2 (``matching``)
    settled      variables whose values stand in the configuration
    template     such a text, compiled
    routing      what is said of rewriting, files and answers, frozen; ``build_rewrite`` and ``build_files`` read it
    defined      variables of ``map``, ``geo`` and ``split_clients``, which ``tables`` and ``geo`` read
    specs        what is said of an upstream, frozen
    model        the frozen settings that every other floor reads

Nothing here opens a socket or looks up a name; ``parser`` alone reads files.
"""
