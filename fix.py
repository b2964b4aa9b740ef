p='/tmp/mine/c1.py'
t=open(p).read()
t=t.replace("""('''        self._signals.uninstall()
        if self._quitting''','''        self._signals.uninstall()
        self._presence.end()
        if self._quitting''')""","""('''        self._signals.uninstall()
''','''        self._signals.uninstall()
        self._presence.end()
''')""")
open(p,'w').write(t)
p='/tmp/mine/pc.py'
t=open(p).read()
t=t.replace('''    for old,new in pairs:
        assert''','''    for old,new in pairs:
        if new in text: continue
        assert''')
open(p,'w').write(t)
