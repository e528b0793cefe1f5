"""The officer's way through the screens in a real Chromium: sign in, book, capture, retake, alarm, review, submit."""

from __future__ import annotations

import threading

import pytest

from drivers.errors import ReaderFault
from station.kiosk.counter import Health
from tests.kit import waiting
from tests.unit.kiosk.fakes import SUBJECT, FakeResponse, coded

pytestmark = pytest.mark.browser


def until(page, function, argument=None):
    """Poll the page; its content policy forbids the evaluation that wait_for_function needs."""
    waiting.until(lambda: page.evaluate(function, argument), f"the page to say yes to {function}")


def strike(page, key):
    """Press a key once, as soon as the page listens."""
    until(page, "() => document.documentElement.dataset.keys === 'on'")
    page.keyboard.press(key)


def press(page, key, function, argument=None):
    """Press a key once, as soon as the page listens, and wait until it shows."""
    strike(page, key)
    until(page, function, argument)


def sign_in(page):
    page.goto("/")
    page.fill("#officer", "avery")
    for digit in "2468":
        page.tap(f"[data-digit='{digit}']")
    page.tap("button.primary")
    page.wait_for_selector("h1:has-text('Worklist')")


def new_booking(page):
    strike(page, "n")
    page.wait_for_selector("h1:has-text('New booking')")
    for name, value in {
        "surname": "Synthetic",
        "given": "Person One",
        "DOB": "1985-07-04",
        "POB": "ZZ",
        "feet": "5",
        "inches": "8",
        "WGT": "165",
        "charge": "Simulated offense",
    }.items():
        page.fill(f"#{name}", value)
    for name, value in {"SEX": "X", "RAC": "U", "EYE": "XXX", "HAI": "XXX"}.items():
        page.select_option(f"#{name}", value)


def go_through(page, station, upto):
    """Capture with the space bar until impression `upto` is the next."""
    while True:
        heading = page.text_content("#panel h1")
        if page.locator(f"#panel:has-text('Impression {upto} of')").count() or "All impressions" in heading:
            return
        press(
            page,
            "Space",
            "was => { const now = document.querySelector('#panel h1');"
            " return now && (now.textContent !== was || document.querySelector('#panel.running')); }",
            heading,
        )
        until(
            page,
            "was => { const now = document.querySelector('#panel h1');"
            " return now && now.textContent !== was && !document.querySelector('#panel.running'); }",
            heading,
        )


@pytest.mark.long
def test_a_person_is_booked_from_sign_in_to_receipt(screen, station, shots):
    page = screen
    page.goto("/")
    shots(page, "1-sign-in")
    sign_in(page)
    shots(page, "2-worklist-empty")
    new_booking(page)
    page.locator("[data-finger='9'] rect").tap()
    assert page.text_content("[data-marks-text]") == "9: XX"
    shots(page, "3-new-booking")
    page.tap("button:has-text('Start capture')")
    page.wait_for_selector("h1:has-text('Right thumb')")
    shots(page, "4-ready")

    station.reader.hold = threading.Event()
    press(page, "Space", "() => Boolean(document.querySelector('#panel.running'))")
    until(page, "() => Number(document.getElementById('preview').dataset.frames || 0) > 3")
    until(page, "() => document.getElementById('meter-value').textContent === '50'")
    assert page.text_content("#panel h1") == "Right thumb"
    shots(page, "5-live")
    station.reader.script = [coded([1], 20)]
    station.reader.hold.set()
    page.wait_for_selector(".notice.warn:has-text('Retake: quality 20')")
    assert page.locator(".notice.warn").get_by_text("Moisten the finger").is_visible()
    shots(page, "6-retake")
    station.reader.hold = None
    strike(page, "r")
    page.wait_for_selector(".notice.ok:has-text('Right thumb accepted')")
    shots(page, "7-accepted")

    station.reader.script = [coded([1])]
    strike(page, "Space")
    page.wait_for_selector(".notice.alarm")
    page.wait_for_selector("#overlay .pair.shown")
    assert page.locator("#overlay .pair img").count() == 2
    shots(page, "8-wrong-finger")
    strike(page, "Space")
    page.wait_for_selector(".notice.ok:has-text('Right index accepted')")
    go_through(page, station, 11)
    shots(page, "9-slap")
    go_through(page, station, 99)
    assert "All impressions taken" in page.text_content("#panel h1")
    strike(page, "Space")
    page.wait_for_selector("h1:has-text('Review')")
    assert page.locator(".box.done").count() == 13
    shots(page, "10-review")
    strike(page, "Enter")
    page.wait_for_selector("h1:has-text('Saved for sending')")
    assert page.locator(".tcn strong").text_content() == "TCN0001"
    station.queue.answers = [FakeResponse("TCN0001", b"No candidate in that file")]
    page.wait_for_selector("li:has-text('No candidate in that file')")
    shots(page, "11-receipt")
    page.goto("/queue")
    assert page.locator("td.mono").text_content() == "TCN0001"
    shots(page, "12-queue")
    page.goto("/")
    shots(page, "13-worklist")


def test_a_form_with_mistakes_is_shown_again_with_what_was_typed(screen, shots):
    sign_in(screen)
    new_booking(screen)
    screen.fill("#surname", "Numb3r")
    screen.fill("#WGT", "900")
    screen.tap("button:has-text('Start capture')")
    screen.wait_for_selector(".notice.bad:has-text('Correct the marked fields')")
    assert screen.input_value("#surname") == "Numb3r"
    assert screen.locator(".field.wrong").count() == 3
    shots(screen, "14-form-wrong")


def test_a_lost_reader_is_told_on_the_panel_and_in_the_status_bar(screen, station, shots):
    sign_in(screen)
    booking = station.desk.new_booking(station.officer, SUBJECT)
    station.reader.script = [ReaderFault("reader.gone", "the reader does not answer", "check the cable")]
    station.lines[:] = [
        Health("reader", False, "✕", "Reader gone", "check the cable"),
        Health("gateway", None, "⚠", "Gateway not reached, 2 waiting", "booking goes on"),
        Health("disk", None, "⚠", "Disk low: 200 MiB", "call service soon"),
    ]
    screen.goto(f"/bookings/{booking.id}/capture")
    strike(screen, "Space")
    screen.wait_for_selector("#panel .notice.bad:has-text('The reader does not answer')")
    assert (
        screen.locator("#status .light.bad").text_content().split()
        == "✕ Reader gone: check the cable".split()
    )
    shots(screen, "15-degraded")
    strike(screen, "Space")
    screen.wait_for_selector(".notice.ok:has-text('Right thumb accepted')")


def test_a_capture_goes_on_when_the_page_is_loaded_again(screen, station):
    sign_in(screen)
    booking = station.desk.new_booking(station.officer, SUBJECT)
    screen.goto(f"/bookings/{booking.id}/capture")
    station.reader.hold = threading.Event()
    strike(screen, "Space")
    screen.wait_for_selector("#panel.running")
    screen.reload()
    screen.wait_for_selector("#panel.running")
    strike(screen, "Escape")
    screen.wait_for_selector("#panel .notice.bad:has-text('cancelled')")
    assert station.store.booking(booking.id).attempts == ()


def test_no_control_is_smaller_than_a_gloved_finger(screen, station):
    sign_in(screen)
    booking = station.desk.new_booking(station.officer, SUBJECT)
    for path in ("/", "/bookings/new", f"/bookings/{booking.id}/capture", f"/bookings/{booking.id}/review"):
        screen.goto(path)
        small = screen.evaluate(
            "[...document.querySelectorAll('button, .button, input:not([type=hidden]), select, .tab')]"
            ".filter(e => e.offsetParent && e.getBoundingClientRect().height < 64)"
            ".map(e => e.outerHTML.slice(0, 80))"
        )
        assert small == [], path


def test_axe_finds_nothing_where_it_is_installed(screen, station):
    import os
    from pathlib import Path

    axe = Path(os.environ.get("AXE_CORE", "node_modules/axe-core/axe.min.js"))
    if not axe.exists():
        pytest.skip("axe-core is not there: npm install axe-core, or set AXE_CORE to the path of axe.min.js")
    source = axe.read_text(encoding="utf-8")
    booking = None
    for path in ("/sign-in", "/", "/bookings/new", "capture", "review", "/queue"):
        if path == "/":
            sign_in(screen)
            booking = station.desk.new_booking(station.officer, SUBJECT)
        screen.goto(path if path.startswith("/") else f"/bookings/{booking.id}/{path}")
        screen.evaluate(source)
        found = screen.evaluate(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})"
            ".then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target).join(' ')))"
        )
        assert found == [], path
