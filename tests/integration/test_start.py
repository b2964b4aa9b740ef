"""Starting: what is wrong is said and nothing starts; what the configuration says of the process is honoured."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, gatherResults

from tests.integration.running import (
    BOUND,
    SAME_USER,
    TWISTD,
    Proxy,
    Site,
    curl,
    free_ports,
    is_free,
    is_running,
    run,
    until,
)
from tests.integration.wires import Wires

ECHO = "server {{ listen {0}; location / {{ echo here; }} }}"


def echo_site(site: Site, ahead: str = "master_process off;") -> int:
    """A site that answers ``here``; its port."""
    (port,) = free_ports(1)
    site.http(ECHO.format(port), ahead)
    return port


async def refused(proxy: Proxy) -> str:
    """The one line of a start that failed with status 1 and no traceback."""
    assert await proxy.ended() == 1
    lines = proxy.output.splitlines()
    assert len(lines) == 1, proxy.output
    return lines[0]


# -- what is wrong is said, and nothing starts --------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_an_unknown_directive_is_said_with_its_line(site: Site) -> None:
    """nginx's words, the file as it was named and the line; status 1; no port listens, no folder was made."""
    (port,) = free_ports(1)
    lines = [
        "daemon off;",
        "events { }",
        "http {",
        f"    server {{ listen {port}; }}",
        *[""] * 7,
        "    foo on;",
        "}",
    ]
    site.write("\n".join(lines))
    proxy = site.proxy("--config", "conf/nginx.conf")
    assert await refused(proxy) == 'dyups: [emerg] unknown directive "foo" in conf/nginx.conf:12'
    assert is_free(port)
    assert sorted(os.listdir(site.root)) == ["conf", "output.0"]


@pytest_twisted.ensureDeferred
async def test_a_refused_configuration_is_in_the_error_log_too(site: Site) -> None:
    """Where the logs folder is there already, whoever looks only there finds the reason as well."""
    site.write("events { }\nhttp { foo; }\n")
    (site.root / "logs").mkdir()
    await refused(site.proxy())
    assert re.search(
        r'^\d{4}/\d\d/\d\d [\d:]{8} \[emerg\] \d+#\d+: unknown directive "foo" in .*:2$', site.error_log
    )


@pytest_twisted.ensureDeferred
async def test_test_says_that_a_configuration_is_good(site: Site) -> None:
    """``--test``: nginx's two lines, status 0, nothing started and nothing written."""
    site.seed(free_ports(4))
    proxy = site.proxy("--test", "--config", "conf/nginx.conf")
    assert await proxy.ended() == 0
    assert proxy.output == (
        "dyups: the configuration file conf/nginx.conf syntax is ok\n"
        "dyups: configuration file conf/nginx.conf test is successful\n"
    )
    assert sorted(os.listdir(site.root)) == ["conf", "output.0"]


@pytest_twisted.ensureDeferred
async def test_test_says_what_is_wrong(site: Site) -> None:
    """``--test`` on a configuration with a mistake: the same line as a start, status 1."""
    site.http("server { listen 127.0.0.1:notaport; }")
    line = await refused(site.proxy("--test", "--config", "conf/nginx.conf"))
    assert line.startswith("dyups: [emerg] ")
    assert line.endswith(" in conf/nginx.conf:5")


@pytest_twisted.ensureDeferred
async def test_a_port_in_use_is_said(site: Site, wires: Wires) -> None:
    """Status 1 with nginx's line, also in the error log; the other ports of the configuration are not left open."""
    taken = wires.serve(lambda wire: None)
    (port,) = free_ports(1)
    site.http(ECHO.format(port) + ECHO.format(f"127.0.0.1:{taken.number}"))
    reason = f"bind() to 127.0.0.1:{taken.number} failed (98: Address already in use)"
    assert await refused(site.proxy()) == f"dyups: [emerg] {reason}"
    assert f": {reason}\n" in site.error_log
    assert "[emerg]" in site.error_log
    assert is_free(port)
    assert not site.pid_file.exists()


@pytest_twisted.ensureDeferred
async def test_a_port_in_use_is_said_before_the_process_becomes_a_daemon(site: Site, wires: Wires) -> None:
    """``daemon on``: the terminal still hears of it, and the status is 1."""
    taken = wires.serve(lambda wire: None)
    echo_site(site)
    site.write(f"daemon on; events {{}} http {{ {ECHO.format(f'127.0.0.1:{taken.number}')} }}")
    assert "bind() to" in await refused(site.proxy(*SAME_USER))


@pytest_twisted.ensureDeferred
async def test_a_second_start_leaves_the_first_alone(site: Site) -> None:
    """The same configuration twice: the second says that the port is in use, the first keeps pid file and port."""
    port = echo_site(site)
    first = await site.proxy().listening(port)
    await until(site.pid_file.exists)
    assert "Address already in use" in await refused(site.proxy())
    assert int(site.pid_file.read_text()) == first.pid
    assert await curl(f"127.0.0.1:{port}") == b"here\n"


@pytest.mark.parametrize("what", ["missing", "folder"])
@pytest_twisted.ensureDeferred
async def test_a_configuration_that_cannot_be_read_is_said(site: Site, what: str) -> None:
    """A file that is not there, or a folder in its place."""
    if what == "folder":
        (site.root / "conf/nginx.conf").mkdir()
    reason = {"missing": "2: No such file or directory", "folder": "21: Is a directory"}[what]
    line = await refused(site.proxy("--config", "conf/nginx.conf"))
    assert line == f'dyups: [emerg] open() "conf/nginx.conf" failed ({reason})'


@pytest_twisted.ensureDeferred
async def test_a_missing_prefix_is_said_and_not_made(site: Site) -> None:
    """Somebody mistyped it: no folder appears anywhere."""
    echo_site(site)
    line = await refused(site.proxy("--prefix", str(site.root / "no/where")))
    assert line == (
        f'dyups: [emerg] open() "{site.root}/no/where/logs/error.log" failed (2: No such file or directory)'
    )
    assert not (site.root / "no").exists()


@pytest.mark.parametrize("name", ["logs", "logs/error.log", "logs/dyups.pid"])
@pytest_twisted.ensureDeferred
async def test_logs_that_cannot_be_written_are_said(site: Site, name: str) -> None:
    """A file in place of the folder, or a folder in place of a file."""
    port = echo_site(site)
    if name == "logs":
        site.write("", "logs")
    else:
        (site.root / name).mkdir(parents=True)
    line = await refused(site.proxy())
    assert line.startswith(f'dyups: [emerg] open() "{site.root}/logs')
    assert line.endswith(
        " failed (20: Not a directory)" if name == "logs" else " failed (21: Is a directory)"
    )
    assert is_free(port)


@pytest_twisted.ensureDeferred
async def test_a_dump_that_nginx_would_refuse_is_said(site: Site) -> None:
    """The dump file holds something else than upstreams: its name and line, nothing starts."""
    (port,) = free_ports(1)
    site.http(f"dyups_upstream_conf conf/up.conf;\n{ECHO.format(port)}")
    site.write("upstream a {\n    server 127.0.0.1:1;\n    bogus;\n}\n", "conf/up.conf")
    line = await refused(site.proxy())
    assert line == f'dyups: [emerg] unknown directive "bogus" in {site.root}/conf/up.conf:3'


@pytest_twisted.ensureDeferred
async def test_a_start_with_standard_error_closed(site: Site) -> None:
    """An init system may close it: a good configuration serves, a bad one ends with status 1."""
    port = echo_site(site)
    shell = f'exec "$0" dyups --config "{site.root}/conf/nginx.conf" 2>&-'
    process = subprocess.Popen(["sh", "-c", shell, TWISTD], cwd=site.root, stdin=subprocess.DEVNULL)
    try:
        await until(lambda: not is_free(port))
        assert await curl(f"127.0.0.1:{port}") == b"here\n"
    finally:
        process.kill()
        process.wait()
    site.write("nonsense;\n")
    done = await run("sh", "-c", shell, TWISTD)
    assert done.returncode == 1


# -- what the configuration says of the process ------------------------------------------------------------------


@pytest.mark.parametrize("reactor", ["uvloop", "epoll"])
@pytest_twisted.ensureDeferred
async def test_daemon_on_serves_from_a_process_of_its_own(site: Site, reactor: str) -> None:
    """The command returns 0; the pid file has the daemon's number; it serves, stores, and ends on TERM."""
    front, admin = free_ports(2)
    site.write(f"""
        daemon on;
        error_log logs/error.log info;
        events {{ }}
        http {{
            dyups_upstream_conf conf/upstream.conf;
            {ECHO.format(front)}
            server {{ listen {admin}; location / {{ dyups_interface; }} }}
        }}
    """)
    command = site.proxy(*SAME_USER, reactor=reactor)
    assert await command.ended() == 0, command.output
    assert command.output == ""
    await command.listening(front, admin)
    pid = int(site.pid_file.read_text())
    assert pid != command.pid
    assert is_running(pid)
    assert os.getsid(pid) not in (os.getsid(0), command.pid)
    assert await curl(f"127.0.0.1:{front}") == b"here\n"
    assert await curl("-d", f"server 127.0.0.1:{front};", f"127.0.0.1:{admin}/upstream/a") == b"success"
    os.kill(pid, signal.SIGTERM)
    await until(lambda: not is_running(pid), "the daemon's end")
    assert not site.pid_file.exists()
    assert "upstream a {" in (site.root / "conf/upstream.conf").read_text()
    assert "Traceback" not in site.error_log


@pytest_twisted.ensureDeferred
async def test_the_pid_file_lives_as_long_as_the_process(site: Site) -> None:
    """``pid FILE`` relative to the prefix: the number while it serves, gone afterwards; an old one is overwritten."""
    port = echo_site(site, "pid run/here.pid;")
    path = site.root / "run/here.pid"
    site.write(f"{os.getpid()}\n", "run/here.pid")  # a process that runs, but is none of ours
    proxy = await site.proxy().listening(port)
    await until(lambda: path.read_text() == f"{proxy.pid}\n", "our number")
    await proxy.stop()
    assert not path.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest_twisted.ensureDeferred
async def test_term_and_ctrl_c_end_it(site: Site, number: signal.Signals) -> None:
    """At once, port free, pid file gone, no traceback anywhere."""
    port = echo_site(site, "error_log logs/error.log info;")
    proxy = await site.proxy().listening(port)
    proxy.signal(number)
    await proxy.ended()
    assert is_free(port)
    assert not site.pid_file.exists()
    assert "Traceback" not in site.error_log + proxy.output


@pytest_twisted.ensureDeferred
async def test_error_logs_take_what_reaches_their_level(site: Site) -> None:
    """Several ``error_log`` lines: each file is there from the start and has the lines from its level on."""
    ahead = "error_log logs/all.log debug; error_log logs/grave.log crit; error_log stderr error;"
    (port,) = free_ports(1)
    site.http(f"server {{ listen {port}; location / {{ proxy_pass http://$host; }} }}", ahead)
    proxy = await site.proxy().listening(port)
    await curl("-H", "Host: nobody", f"127.0.0.1:{port}")
    logged = site.root / "logs/all.log"
    form = r'^\d{4}/\d\d/\d\d [\d:]{8} \[error\] \d+#\d+: \*\d+ .*host: "nobody"$'
    await until(lambda: re.search(form, logged.read_text(), re.M), "the line")
    assert "[info]" in logged.read_text()
    assert (site.root / "logs/grave.log").read_text() == ""
    await until(lambda: re.search(form, proxy.output, re.M), "the line on the terminal")
    assert "[info]" not in proxy.output


@pytest_twisted.ensureDeferred
async def test_prefix_is_where_logs_and_relative_paths_start(site: Site) -> None:
    """``--prefix``: logs and pid go there; ``include`` looks beside the configuration first, then there."""
    front, near, far = free_ports(3)
    site.http(f"include near.conf; include conf/far.conf;\n{ECHO.format(front)}")
    site.write(ECHO.format(near), "conf/near.conf")
    site.write(ECHO.format(far), "elsewhere/conf/far.conf")
    site.write("this is not read;", "elsewhere/near.conf")
    proxy = site.proxy("--prefix", str(site.root / "elsewhere"), cwd=Path("/"))
    await proxy.listening(front, near, far)
    assert (site.root / "elsewhere/logs/error.log").exists()
    await until((site.root / "elsewhere/logs/dyups.pid").exists)
    assert not (site.root / "logs").exists()


@pytest_twisted.ensureDeferred
async def test_started_from_any_folder(site: Site, tmp_path: Path) -> None:
    """A folder that is not the checkout and not the prefix: nothing is written there, not even twistd's own files."""
    front = echo_site(site)
    away = tmp_path / "away"
    away.mkdir()
    await site.proxy("--config", "../site/conf/nginx.conf", cwd=away).listening(front)
    assert await curl(f"127.0.0.1:{front}") == b"here\n"
    assert os.listdir(away) == []


@pytest_twisted.ensureDeferred
async def test_twistds_own_pidfile_and_logfile_win(site: Site) -> None:
    """``twistd --pidfile FILE --logfile FILE dyups``: whoever says so gets twistd's."""
    port = echo_site(site)
    proxy = site.proxy(before=("--pidfile", "mine.pid", "--logfile", "mine.log"))
    await proxy.listening(port)
    await until(lambda: "starting up" in (site.root / "mine.log").read_text())
    assert int((site.root / "mine.pid").read_text()) == proxy.pid
    assert not site.pid_file.exists()


# -- the wheel ---------------------------------------------------------------------------------------------------

CHECKOUT = Path(__file__).resolve().parents[2]
SHIPPED = ("setup.cfg", "setup.py", "pyproject.toml", "README.rst", "LICENSE", "dyups", "twisted")


@pytest_twisted.ensureDeferred
async def test_the_wheel_carries_the_command(site: Site, tmp_path: Path) -> None:
    """Built and installed into a fresh environment: ``twistd dyups`` is there, from any folder, at once, and serves."""
    source, wheels, fresh = tmp_path / "source", tmp_path / "wheels", tmp_path / "fresh"
    source.mkdir()
    made = shutil.ignore_patterns("__pycache__", "*dropin.cache*")  # which processes may be writing just now
    for path in filter(Path.exists, (CHECKOUT / name for name in SHIPPED)):
        if path.is_dir():
            shutil.copytree(path, source / path.name, ignore=made)
        else:
            shutil.copy(path, source / path.name)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet")
    build = ("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", wheels, source)
    built = await run(*pip, *build, bound=3 * BOUND, env={**os.environ, "DYUPS_COMPILE": "0"})
    assert built.returncode == 0, built.stderr
    (wheel,) = wheels.iterdir()
    venv = await run(sys.executable, "-m", "venv", "--without-pip", fresh, bound=3 * BOUND)
    assert venv.returncode == 0, venv.stderr
    packages = next(fresh.glob("lib/python3*/site-packages"))
    install = ("--python", fresh / "bin/python", "install", "--no-deps", "--no-index", wheel)
    installed = await run(*pip, *install, bound=3 * BOUND)
    assert installed.returncode == 0, installed.stderr
    # The dependencies, without the checkout that is installed beside them.
    (packages / "others.pth").write_text(f"{next(p for p in sys.path if p.endswith('site-packages'))}\n")
    twistd = fresh / "bin/twistd"
    twistd.write_text(f"#!{fresh}/bin/python\nfrom twisted.scripts.twistd import run\nrun()\n")
    twistd.chmod(0o755)
    # All of them find that nobody has listed the plugins yet, and each writes its list.
    starts = [Deferred.fromCoroutine(run(twistd, "dyups", "--help", cwd=tmp_path)) for _ in range(6)]
    for helped in await gatherResults(starts):
        assert helped.returncode == 0, helped.stderr
        assert b"--config" in helped.stdout
    assert (packages / "twisted" / "plugins" / "dropin.cache").exists()
    where = await run(fresh / "bin/python", "-c", "import dyups; print(dyups.__file__)", cwd=tmp_path)
    assert where.stdout.decode().startswith(str(packages))
    port = echo_site(site)
    await site.proxy(twistd=twistd).listening(port)
    assert await curl(f"127.0.0.1:{port}") == b"here\n"
