"""``make up``: the whole of GreenOps on this machine, in the foreground, with a status table.

Ctrl-C ends everything. All data lies in .greenops/, which ``make clean`` removes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from plan import HOST, Ports, broker_config, gateway_config, prometheus_config, services, variable
from stack import DATA, ROOT, Service, StackError, answers, free_port, program, running

SCENARIOS = ("normal", "exceedance", "failure", "drift", "calibration")


@dataclass(slots=True)
class Row:
    """One line of the status table."""

    service: Service
    process: subprocess.Popen[bytes]
    health: str = "starting"

    def refresh(self) -> bool:
        """Look again; True when the health changed."""
        before = self.health
        code = self.process.poll()
        if code is not None:
            self.health = f"ended with code {code}"
        else:
            self.health = "ok" if answers(self.service.ready) else "does not answer"
        return self.health != before


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make up", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--scenario", choices=SCENARIOS, help="do not start anything: switch the running simulator to this scenario"
    )
    options = parser.parse_args(arguments)
    try:
        ports = Ports.from_environment(os.environ)
        if options.scenario:
            return switch(ports, options.scenario)
        refuse_taken_ports(ports)
        return run(ports)
    except StackError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def run(ports: Ports) -> int:
    """Start everything, watch it, and end it on Ctrl-C."""
    run_dir = DATA / "run"
    logs = run_dir / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    write_configuration(ports, run_dir)
    plan = services(ports, run_dir)
    with ended_politely(), ExitStack() as stack:
        rows: list[Row] = []
        try:
            for number, service in enumerate(plan, 1):
                print(f"[{number}/{len(plan)}] starting {service.name} …", flush=True)
                rows.append(Row(service, stack.enter_context(running(service, logs / f"{service.name}.log"))))
            for row in rows:
                row.refresh()
            print(table(rows, ports))
            watch(rows, logs)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it behind
            print("\nending …", flush=True)
    print(f"Everything has ended. Data and logs are in {DATA}.")
    return 0


def watch(rows: Sequence[Row], logs: Path) -> None:
    """Print pages as they arrive and every change of health; until interrupted."""
    pages = logs / "pages.log"
    read = pages.stat().st_size if pages.exists() else 0
    while True:
        time.sleep(1)
        if pages.stat().st_size > read:
            with pages.open("rb") as file:
                file.seek(read)
                sys.stdout.write(file.read().decode(errors="replace"))
                read = file.tell()
        for row in rows:
            if row.refresh():
                log = logs / f"{row.service.name}.log"
                print(f"{row.service.name}: {row.health}" + ("" if row.health == "ok" else f"; see {log}"))
        sys.stdout.flush()


def table(rows: Sequence[Row], ports: Ports) -> str:
    """The status table: every process, its address, its health."""
    numbers = dict(ports.items())
    lines = [
        (row.service.name, str(row.process.pid), address(row.service.name, numbers[row.service.name]), row.health)
        for row in rows
    ]
    heads = ("program", "pid", "address", "health")
    widths = [max(len(line[column]) for line in (heads, *lines)) for column in range(len(heads))]
    body = "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (heads, tuple("-" * width for width in widths), *lines)
    )
    return (
        f"\nGreenOps is up. Ctrl-C ends it; data and logs are in {DATA}.\n\n{body}\n\n"
        "In another terminal:\n"
        "  make demo-exceedance   SO2 rises above its limit; a page arrives below within two minutes\n"
        "  make demo-failure      the gas analyser's cable is pulled\n"
        "  make demo-normal       all is well again\n\n"
        "Alerts wait for seconds instead of minutes here; alerting/rules holds what ships. Pages appear here:\n"
    )


def address(name: str, port: int) -> str:
    return f"{HOST}:{port} (MQTT)" if name == "broker" else f"http://{HOST}:{port}"


def write_configuration(ports: Ports, run_dir: Path) -> None:
    """Write every program's configuration below *run_dir*.

    Raises:
        StackError: rules or Alertmanager configuration cannot be made.
    """
    config = run_dir / "config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "prometheus.yml").write_text(prometheus_config(ports, config / "rules"), encoding="utf-8")
    hours = (ROOT / "gateway" / "emissions.yml").read_text(encoding="utf-8")
    (config / "gateway.yml").write_text(gateway_config(ports, run_dir) + hours, encoding="utf-8")
    (config / "mosquitto.conf").write_text(broker_config(ports), encoding="utf-8")
    for name in ("agent", "exporter"):
        shutil.copyfile(ROOT / name / f"{name}.yml", config / f"{name}.yml")
    # The shipped rules, but with windows of seconds: nobody watches a demonstration for a quarter of an hour.
    alerting("write", "--to", str(config), "--quick", "--dashboards", "")  # no Grafana here
    told = alerting("alertmanager", "--webhook", f"http://{HOST}:{ports.pages}")
    (config / "alertmanager.yml").write_text(told, encoding="utf-8")


def alerting(*arguments: str) -> str:
    """What ``greenops-alerting`` prints.

    Raises:
        StackError: it failed.
    """
    done = subprocess.run([program("greenops-alerting"), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise StackError(f"greenops-alerting {arguments[0]} failed:\n{done.stderr}")
    return done.stdout


def refuse_taken_ports(ports: Ports) -> None:
    """Raises StackError: a port is taken or asked for twice; the message names it and the variable that moves it."""
    users: dict[int, str] = {}
    wrong = []
    for name, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                problem = "is taken"
            else:
                problem = f"is also that of {users[port]}" if port in users else ""
        if problem:
            wrong.append(f"port {port} ({name}) {problem}; choose another: {variable(name)}={free_port()} make up")
        users.setdefault(port, name)
    if wrong:
        raise StackError("\n".join(wrong))


def switch(ports: Ports, scenario: str) -> int:
    """Switch the running simulator.

    Raises:
        StackError: nobody answers.
    """
    control = ["--control", f"http://{HOST}:{ports.simulator}"]
    which = ["--device", "analyser-1"] if scenario == "failure" else []  # one cable, not four at once
    done = subprocess.run([program("greenops-gateway"), "scenario", scenario, *which, *control], check=False)
    if done.returncode:
        raise StackError("The scenario was not switched; is 'make up' running in another terminal?")
    return 0


@contextmanager
def ended_politely() -> Iterator[None]:
    """TERM and HUP end the stack as Ctrl-C does, also where a shell had it ignore Ctrl-C."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {name: signal.signal(name, interrupt) for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


if __name__ == "__main__":
    sys.exit(main())
