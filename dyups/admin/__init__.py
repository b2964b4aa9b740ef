"""The admin interface: what ``dyups_interface`` answers (the seed's REST interface).

    resource   the Klein app: which request is which call
    answers    errors to status and text; negotiation; the fields that every answer has
    status     the upstreams as text and as JSON
    preview    what a change would change

The data plane mounts the resource and strips the location's prefix; ``control.change`` makes the changes; the map is
only read here.  ``docs/admin-interface.rst`` is the contract.
"""
