from __future__ import annotations

import os
import signal

import pytest

from common.engine.stop_signal import StopSignal, outlive_first_signal


def send(number):
    os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def python_handles_interrupts():
    """As in a terminal; a shell starts background commands with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_nothing_is_received_at_first():
    with StopSignal() as stop:
        assert not stop.received


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_remembered_with_its_exit_status(number, status):
    with StopSignal() as stop:
        send(number)
        assert stop.received == number
        assert stop.exit_status == status


def test_sigterm_may_arrive_several_times():
    with StopSignal() as stop:
        send(signal.SIGTERM)
        send(signal.SIGTERM)
        assert stop.exit_status == 143


def test_the_second_interrupt_takes_its_usual_effect():
    with StopSignal() as stop:
        send(signal.SIGINT)
        assert stop.received
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


def test_afterwards_signals_do_what_they_did_before():
    before = [signal.getsignal(number) for number in StopSignal.SIGNALS]
    with StopSignal():
        send(signal.SIGTERM)
    assert [signal.getsignal(number) for number in StopSignal.SIGNALS] == before


def test_a_worker_outlives_the_first_signal_and_ends_at_the_second():
    before = {number: signal.getsignal(number) for number in StopSignal.SIGNALS}
    try:
        outlive_first_signal()
        send(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) != signal.SIG_DFL
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
