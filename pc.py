"""Commit own hunks of shared files: the same substitutions on the work tree and on HEAD's version."""
import os, subprocess, sys
ROOT='/work/main'
def git(*a, env=None, inp=None):
    return subprocess.run(['git',*a],cwd=ROOT,check=True,capture_output=True,env={**os.environ,**(env or {})},input=inp).stdout.decode().strip()
def subst(text, pairs, where):
    for old,new in pairs:
        if new in text: continue
        assert text.count(old)==1,(where,old,text.count(old))
        text=text.replace(old,new)
    return text
def edit(shared):
    for path,pairs in shared.items():
        p=f'{ROOT}/{path}'
        t=open(p).read()
        t2=subst(t,pairs,'work:'+path)
        open(p,'w').write(t2)
def commit(message, shared=None, whole=()):
    shared=shared or {}
    for attempt in range(3):
        head=git('rev-parse','HEAD')
        idx='/tmp/mine/index'
        if os.path.exists(idx): os.remove(idx)
        env={'GIT_INDEX_FILE':idx}
        git('read-tree',head,env=env)
        entries=[]
        for path,pairs in shared.items():
            t=subprocess.run(['git','show',f'{head}:{path}'],cwd=ROOT,check=True,capture_output=True).stdout.decode()
            t2=subst(t,pairs,'head:'+path)
            blob=git('hash-object','-w','--stdin',inp=t2.encode())
            git('update-index','--cacheinfo',f'100644,{blob},{path}',env=env)
            entries.append((blob,path))
        if whole:
            git('add','--',*whole,env=env)
        tree=git('write-tree',env=env)
        if tree==git('rev-parse',f'{head}^{{tree}}'):
            print('nothing'); return
        c=git('commit-tree',tree,'-p',head,'-m',message)
        try:
            git('update-ref','HEAD',c,head)
        except subprocess.CalledProcessError:
            continue
        for blob,path in entries:
            git('update-index','--cacheinfo',f'100644,{blob},{path}')
        if whole: git('add','--',*whole)
        print(c[:8],message); return
    raise SystemExit('race')
