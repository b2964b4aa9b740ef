import sys; sys.path.insert(0,'/tmp/mine')
from pc import edit, commit
shared={
'dyups/config/model.py':[('''    """The module's own directives (``http`` context)."""

''','''    """The module's own directives (``http`` context)."""

    dyups_api: bool = False
''')],
'dyups/config/directives/dyups.py':[('''    setting(
        "dyups_dump",
''','''    setting(
        "dyups_api",
        _BOTH,
        FLAG,
        DyupsSettings,
        "off",
        "Whether scripts in this process (``dyups.update_upstream``, Lua's ``ngx.dyups``) may change upstreams; "
        "a ``dyups_interface`` anywhere means ``on``.  Otherwise they get 405 ``API disabled``.",
        merge=Merge.NONE,
    ),
    setting(
        "dyups_dump",
''')],
'dyups/workers/serving.py':[('''    if http.dyups.dyups_upstream_conf:
        return True
    return any(_has_interface(server.locations) for listen in http.listens for server in listen.servers)


def _has_interface(locations: tuple[Location, ...]) -> bool:
    return any(
        isinstance(location.content, ResourceContent) or _has_interface(location.locations)
        for location in locations
    )
''','''    return bool(http.dyups.dyups_upstream_conf) or api_enabled(http)


def api_enabled(http: Http) -> bool:
    """May scripts change upstreams: with ``dyups_api on``, or where a ``dyups_interface`` is, as in the C module."""
    if http.dyups.dyups_api:
        return True
    return any(_has_interface(server.locations) for listen in http.listens for server in listen.servers)


def _has_interface(locations: tuple[Location, ...]) -> bool:
    return any(
        location.content == ResourceContent("dyups_interface") or _has_interface(location.locations)
        for location in locations
    )
''')],
'dyups/workers/worker.py':[
('''from dyups.proxy.variables import variables_of_run_time
''','''from dyups.proxy.variables import variables_of_run_time
from dyups.script.here import Presence
from dyups.script.verbs import Verbs
'''),
('import ServingSide, query_of','import ServingSide, api_enabled, query_of'),
('''        interface = dyups_interface(
            self._upstreams, RemoteChanges(self.link), reactor, roster=self.link.workers
        )
''','''        changes = RemoteChanges(self.link)
        self.verbs = Verbs(self._upstreams, changes, api_enabled(configuration.http))
        self._presence = Presence()
        interface = dyups_interface(self._upstreams, changes, reactor, roster=self.link.workers)
'''),
('''        self._signals.install()
        self._serving.start()
''','''        self._signals.install()
        self._presence.begin(self.verbs)
        self._serving.start()
'''),
('''        self._over = True
''','''        self._over = True
        self._presence.end()
''')],
'dyups/workers/process.py':[
('from dyups.proxy.plane import complain\n','from dyups.proxy.plane import complain\nfrom dyups.script.here import Presence\nfrom dyups.script.verbs import Verbs\n'),
('import ServingSide, query_of','import ServingSide, api_enabled, query_of'),
('''        self._watch = self._dump_watch(http.dyups, truth.restored)
''','''        self.verbs = Verbs(self.upstreams, self.changes, api_enabled(http))
        self._presence = Presence()
        self._watch = self._dump_watch(http.dyups, truth.restored)
'''),
('''        super().startService()  # type: ignore[no-untyped-call]
        self.side.start()
''','''        super().startService()  # type: ignore[no-untyped-call]
        self._presence.begin(self.verbs)
        self.side.start()
'''),
('''        self._signals.uninstall()
''','''        self._signals.uninstall()
        self._presence.end()
'''),
],
'dyups/workers/master.py':[
('from dyups.proxy.plane import complain\n','from dyups.proxy.plane import complain\nfrom dyups.script.here import Presence\nfrom dyups.script.verbs import Verbs\n'),
('from dyups.workers.publisher import ToWorkers\n','from dyups.workers.publisher import ToWorkers\nfrom dyups.workers.serving import api_enabled\n'),
('''        self._watch = self._dump_watch(self._truth)
''','''        self._presence = Presence()
        self._watch = self._dump_watch(self._truth)
'''),
('''        show(master_title(sys.argv))
''','''        show(master_title(sys.argv))
        self._presence.begin(self._verbs())
'''),
('''    def _start(self) -> None:
''','''    def _verbs(self) -> Verbs:
        """For scripts in this process: those in the workers have their own."""
        truth = self._truth
        return Verbs(truth.upstreams, self.changes, api_enabled(truth.configuration.http))

    def _start(self) -> None:
'''),
('''        self.changes.renew(new.upstreams, self._store, trylock=trylock)
''','''        self.changes.renew(new.upstreams, self._store, trylock=trylock)
        self._presence.begin(self._verbs())
'''),
('''        self._ending = True
        self._signals.uninstall()
''','''        self._ending = True
        self._presence.end()
        self._signals.uninstall()
'''),
],
}
if __name__=='__main__':
    if sys.argv[1]=='edit': edit(shared)
