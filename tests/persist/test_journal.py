"""Tests of dyups.persist.journal."""

from __future__ import annotations

import errno
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.persist.journal import HEADER, MARKER, Damage, Journal, encode_record, read, scan
from tests.persist.disk import Disk, PowerCut

PATH = "/d/conf.journal"
payloads = st.binary(max_size=40) | st.just(MARKER * 3) | st.just(b"\0" * 30)


def journal_of(*items: bytes) -> bytes:
    """A whole journal with these payloads, numbered from 1."""
    return HEADER + b"".join(encode_record(number, item) for number, item in enumerate(items, 1))


def payloads_in(data: bytes) -> list[bytes]:
    """What can be read of a journal."""
    return [record.payload for record in scan(data).records]


class ScanTests(SynchronousTestCase):
    """Reading a journal: whatever is there, what checks is kept."""

    @given(st.lists(payloads))
    @settings(deadline=None)
    def test_round_trip(self, items: list[bytes]) -> None:
        """What was written is read, whatever its bytes, without a complaint."""
        found = scan(journal_of(*items))
        self.assertEqual(
            [(record.sequence, record.payload) for record in found.records], [*enumerate(items, 1)]
        )
        self.assertEqual((found.damages, found.torn), ([], None))

    def test_nothing(self) -> None:
        """No file, or an empty one, holds nothing, and nothing is wrong."""
        self.assertEqual((scan(b"").records, scan(b"").damages), ([], []))
        self.assertEqual((scan(HEADER).records, scan(HEADER).damages), ([], []))

    def test_cut_at_every_byte(self) -> None:
        """A last record cut short at any byte is dropped without a complaint; those before it are kept."""
        whole = journal_of(b"one", b"two", b"three")
        start = len(journal_of(b"one", b"two"))
        for end in range(start + 1, len(whole)):
            found = scan(whole[:end])
            self.assertEqual([record.payload for record in found.records], [b"one", b"two"])
            self.assertEqual((found.damages, found.torn), ([], start))

    def test_zeros_at_the_end(self) -> None:
        """A file that was grown by the file system and not written is cut short, not damaged."""
        found = scan(journal_of(b"one") + b"\0" * 100)
        self.assertEqual((len(found.records), found.damages), (1, []))

    def test_any_flipped_bit_before_the_end(self) -> None:
        """One flipped bit, wherever: it is reported with its offset, and every other record is kept."""
        whole = journal_of(b"one", b"two", b"three")
        first, second = len(HEADER), len(journal_of(b"one"))
        for position in range(first, len(journal_of(b"one", b"two"))):
            broken = bytearray(whole)
            broken[position] ^= 1 << position % 8
            found = scan(bytes(broken))
            hit = 0 if position < second else 1
            kept = [b"two", b"three"] if hit == 0 else [b"one", b"three"]
            self.assertEqual([record.payload for record in found.records], kept)
            self.assertEqual([damage.offset for damage in found.damages], [(first, second)[hit]])

    def test_garbage_between_records(self) -> None:
        """A stretch of garbage is reported once, however much in it looks like a beginning."""
        data = journal_of(b"one") + b"garbage" + MARKER + b"more" * 20 + MARKER + encode_record(2, b"two")
        found = scan(data)
        self.assertEqual([record.payload for record in found.records], [b"one", b"two"])
        self.assertEqual(found.damages, [Damage(len(journal_of(b"one")), "unreadable record")])

    def test_garbage_at_the_end(self) -> None:
        """Garbage after the last record is not what a crash leaves: it is reported."""
        found = scan(journal_of(b"one") + b"hello")
        self.assertEqual([damage.offset for damage in found.damages], [len(journal_of(b"one"))])

    def test_another_file(self) -> None:
        """A file that is no journal at all is reported at its beginning."""
        self.assertEqual(scan(b"upstream x {}").damages, [Damage(0, "not a journal")])

    def test_number_that_goes_back(self) -> None:
        """A record whose number does not rise is not applied, but reported."""
        data = HEADER + encode_record(5, b"five") + encode_record(5, b"again") + encode_record(6, b"six")
        self.assertEqual(payloads_in(data), [b"five", b"six"])
        self.assertEqual([damage.reason for damage in scan(data).damages], ["sequence number 5 after 5"])

    @given(st.binary(max_size=200), st.lists(payloads, max_size=3), st.randoms(use_true_random=False))
    @settings(deadline=None)
    def test_anything(self, noise: bytes, items: list[bytes], random: Random) -> None:
        """Any bytes can be read; what is accepted was written as a record, never made up from noise."""
        whole = journal_of(*items)
        place = random.randint(0, len(whole))
        found = scan(whole[:place] + noise + whole[place:])
        for record in found.records:
            self.assertIn(record.payload, items)


class JournalTests(SynchronousTestCase):
    """Writing the journal."""

    def setUp(self) -> None:
        self.disk = Disk()
        self.journal = Journal(PATH, self.disk)

    def kept(self) -> list[bytes]:
        return [record.payload for record in read(self.disk, PATH).records]

    def fill(self, *items: bytes) -> None:
        for number, item in enumerate(items, 1):
            self.journal.append(number, item)

    def test_append(self) -> None:
        """Appended records are on disk when the call returns, the file's name included."""
        self.fill(b"one", b"two")
        for seed in range(20):
            after = self.disk.powered_again(Random(seed))
            self.assertEqual(after.content(PATH), journal_of(b"one", b"two"))

    def test_nothing_is_touched_before_it_is_needed(self) -> None:
        """Opening a journal does not make a file."""
        self.journal.close()
        self.assertEqual(self.disk.names, {})

    def test_goes_on_with_what_is_there(self) -> None:
        """A journal that is opened again keeps its records; a torn one is cut off first."""
        self.disk.put(PATH, journal_of(b"one", b"two") + encode_record(3, b"never acknowledged")[:-2])
        self.journal.append(3, b"three")
        self.assertEqual(self.disk.content(PATH), journal_of(b"one", b"two", b"three"))
        self.assertEqual([*self.disk.names], [PATH])

    def test_damaged_file_is_kept_aside(self) -> None:
        """A damaged journal is kept under another name, and what was readable goes on."""
        broken = journal_of(b"one", b"two").replace(b"one", b"0ne")
        self.disk.put(PATH, broken)
        self.journal.append(3, b"three")
        self.assertEqual(self.kept(), [b"two", b"three"])
        (aside,) = set(self.disk.names) - {PATH}
        self.assertRegex(aside, r"^/d/conf\.journal\.damaged-[0-9a-f]{8}$")
        self.assertEqual(self.disk.content(aside), broken)

    def test_drop(self) -> None:
        """Records that are in the dump are forgotten, newer ones kept, and more can be appended."""
        self.fill(b"one", b"two", b"three")
        self.journal.drop(2)
        self.assertEqual(self.kept(), [b"three"])
        self.journal.append(4, b"four")
        self.assertEqual(self.kept(), [b"three", b"four"])

    def test_disk_full_at_every_byte(self) -> None:
        """However much of a record fits, a full disk refuses it, keeps the others, and takes the next with room."""
        record = len(encode_record(2, b"two"))
        for room in range(record):
            self.disk = Disk()
            self.journal = Journal(PATH, self.disk)
            self.fill(b"one")
            self.disk.room = room
            error = self.assertRaises(OSError, self.journal.append, 2, b"two")
            self.assertEqual(error.errno, errno.ENOSPC)
            self.assertEqual(self.disk.content(PATH), journal_of(b"one"))
            self.disk.room = record
            self.journal.append(2, b"two")
            self.assertEqual(self.kept(), [b"one", b"two"])

    def test_full_disk_before_the_first_record(self) -> None:
        """Where even the empty journal does not fit, the change is refused, and works when there is room."""
        self.disk.room = 3
        self.assertRaises(OSError, self.journal.append, 1, b"one")
        self.disk.room = None
        self.journal.append(1, b"one")
        self.assertEqual(self.kept(), [b"one"])

    def test_failed_fsync_means_another_file(self) -> None:
        """After a failed fsync the file is not appended to any more: another one takes its place."""
        self.fill(b"one")
        before = self.disk.stamp(PATH)
        self.disk.fail = {self.disk.step + 2: errno.EIO}
        self.assertRaises(OSError, self.journal.append, 2, b"two")
        after = self.disk.stamp(PATH)
        assert before is not None and after is not None
        self.assertNotEqual(after.inode, before.inode)
        self.journal.append(2, b"other")
        for seed in range(20):
            powered = self.disk.powered_again(Random(seed))
            self.assertEqual(powered.content(PATH), journal_of(b"one", b"other"))

    def test_fsync_that_goes_on_failing(self) -> None:
        """While fsync fails every append does, and the first that works finds what was acknowledged."""
        self.fill(b"one")
        self.disk.fail_calls = {"fsync": errno.EIO}
        for _ in range(3):
            self.assertRaises(OSError, self.journal.append, 2, b"two")
        self.disk.fail_calls = {}
        self.journal.append(2, b"three")
        for seed in range(20):
            powered = self.disk.powered_again(Random(seed))
            self.assertEqual(powered.content(PATH), journal_of(b"one", b"three"))

    def test_file_that_cannot_be_cut(self) -> None:
        """Where a half record cannot be cut off, another file without it takes its place."""
        self.fill(b"one")
        self.disk.fail = {self.disk.step + 1: errno.EIO, self.disk.step + 2: errno.EIO}
        self.assertRaises(OSError, self.journal.append, 2, b"two")
        self.assertEqual(self.disk.content(PATH), journal_of(b"one"))

    def test_room_for_one_record_is_enough(self) -> None:
        """A journal that is opened again on a full disk: no copy of it fits, one record more does."""
        torn = encode_record(3, b"never acknowledged")[:-2]
        for rest in (b"", torn):
            self.disk = Disk()
            self.disk.put(PATH, journal_of(b"one" * 50, b"two" * 50) + rest)
            self.journal = Journal(PATH, self.disk)
            self.disk.room = 0
            error = self.assertRaises(OSError, self.journal.append, 3, b"three" * 10)
            self.assertEqual(error.errno, errno.ENOSPC)
            self.assertEqual(self.disk.content(PATH), journal_of(b"one" * 50, b"two" * 50))
            self.disk.room = len(encode_record(3, b"three" * 10))
            self.journal.append(3, b"three" * 10)
            self.assertEqual(self.kept(), [b"one" * 50, b"two" * 50, b"three" * 10])
            self.assertEqual([*self.disk.names], [PATH])

    def test_drop_without_room(self) -> None:
        """On a full disk records leave the file together or stay; either way it takes the next."""
        self.fill(b"one", b"two")
        self.disk.room = 0
        self.journal.drop(1)
        self.assertEqual(self.kept(), [b"one", b"two"])
        self.journal.drop(2)
        self.assertEqual(self.disk.content(PATH), HEADER)
        self.journal.append(3, b"three")
        self.assertEqual(self.kept(), [b"three"])

    def test_folder_that_takes_nothing(self) -> None:
        """The file is there and the folder takes no other: changes are stored in it, before and after a dump."""
        self.fill(b"one")
        self.disk.fail_calls = {"create": errno.EACCES, "remove": errno.EACCES}
        self.journal.drop(1)
        self.journal.append(2, b"two")
        again = Journal(PATH, self.disk)
        again.append(3, b"three")
        for seed in range(20):
            powered = self.disk.powered_again(Random(seed))
            self.assertEqual(payloads_in(powered.content(PATH)), [b"two", b"three"])

    def test_present_file_that_does_not_do(self) -> None:
        """Without room for another file there is no change where the present one is damaged, or is no journal."""
        for data in (journal_of(b"one", b"two").replace(b"one", b"0ne"), b"something else", b""):
            self.disk.put(PATH, data)
            self.disk.room = 0
            self.assertRaises(OSError, self.journal.append, 3, b"three")
            self.assertEqual(self.disk.content(PATH), data)

    def test_distrusted_file_without_room(self) -> None:
        """After a failed fsync only another file will do, whatever room there is for a record."""
        self.fill(b"one" * 50)
        self.disk.room = len(encode_record(2, b"two"))
        self.disk.fail_calls = {"fsync": errno.EIO}
        self.assertRaises(OSError, self.journal.append, 2, b"two")
        self.disk.fail_calls = {}
        self.assertRaises(OSError, self.journal.append, 2, b"two")
        self.disk.room = None
        self.journal.append(2, b"two")
        for seed in range(20):
            powered = self.disk.powered_again(Random(seed))
            self.assertEqual(payloads_in(powered.content(PATH)), [b"one" * 50, b"two"])

    def test_fsync_that_fails_in_the_present_file(self) -> None:
        """Then it is distrusted like any other."""
        self.disk.put(PATH, journal_of(b"one"))
        self.disk.fail_calls = {"create": errno.EACCES, "fsync": errno.EIO}
        self.assertRaises(OSError, self.journal.append, 2, b"two")
        self.disk.fail_calls = {"create": errno.EACCES}
        self.assertRaises(OSError, self.journal.append, 2, b"two")
        self.disk.fail_calls = {}
        self.journal.append(2, b"two")
        for seed in range(20):
            powered = self.disk.powered_again(Random(seed))
            self.assertEqual(payloads_in(powered.content(PATH)), [b"one", b"two"])

    @given(
        st.lists(
            st.tuples(payloads, st.sampled_from(["", "drop", "again", "room"]), st.integers(0, 300)),
            min_size=1,
            max_size=8,
        ),
        st.integers(1, 90),
        st.randoms(use_true_random=False),
    )
    @settings(deadline=None, max_examples=300)
    def test_crash_on_a_full_disk(
        self, items: list[tuple[bytes, str, int]], cut: int, random: Random
    ) -> None:
        """Whatever room there is at which moment: what was acknowledged is there after a crash, and nothing refused."""
        disk = Disk(cut=cut)
        history = History(Journal(PATH, disk))
        try:
            for payload, act, room in items:
                if act == "drop":
                    history.drop()
                elif act == "again":
                    history.journal = Journal(PATH, disk)
                elif act == "room":
                    disk.room = room
                history.append(payload)
        except PowerCut:
            pass
        for after in (disk.killed(), disk.powered_again(random)):
            found = read(after, PATH)
            numbered = [(record.sequence, record.payload) for record in found.records]
            kept = [item for item in numbered if item[0] > history.dropped]
            self.assertIn(kept, history.possible(refused_too=False))
            self.assertEqual(found.damages, [])

    @given(
        st.lists(st.tuples(payloads, st.booleans()), min_size=1, max_size=6),
        st.dictionaries(st.integers(1, 40), st.sampled_from([errno.EIO, errno.ENOSPC]), max_size=3),
        st.integers(1, 60),
        st.randoms(use_true_random=False),
    )
    @settings(deadline=None, max_examples=300)
    def test_crash_at_any_step(
        self, items: list[tuple[bytes, bool]], fail: dict[int, int], cut: int, random: Random
    ) -> None:
        """After a crash at any step, with steps failing before it, every acknowledged record is there, whole.

        Of those that were not acknowledged only the last may be there, whole as well; and not even that where it was
        refused and no second failure kept it from being taken back.
        """
        alone = len(fail) <= 1
        disk = Disk(fail=fail, cut=cut)
        history = History(Journal(PATH, disk))
        try:
            for payload, drop in items:
                history.append(payload)
                if drop:
                    history.drop()
        except PowerCut:
            pass
        for after in (disk.killed(), disk.powered_again(random)):
            found = read(after, PATH)
            numbered = [(record.sequence, record.payload) for record in found.records]
            kept = [item for item in numbered if item[0] > history.dropped]
            self.assertIn(kept, history.possible(refused_too=not alone))


class History:
    """What was asked of a journal, and how it answered."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.acknowledged: list[tuple[int, bytes]] = []
        self.under_way: tuple[int, bytes] | None = None
        self.refused: tuple[int, bytes] | None = None
        self.dropped = 0
        self.last = 0

    def append(self, payload: bytes) -> None:
        self.under_way = (self.last + 1, payload)
        try:
            self.journal.append(*self.under_way)
        except OSError:
            self.refused = self.under_way
        else:
            self.acknowledged.append(self.under_way)
            self.last += 1
            self.refused = None
        self.under_way = None

    def drop(self) -> None:
        """Drop what is acknowledged but for the last."""
        self.dropped = max(self.dropped, self.last - 1)
        self.acknowledged = [item for item in self.acknowledged if item[0] > self.dropped]
        try:
            self.journal.drop(self.dropped)
        except OSError:
            return

    def possible(self, refused_too: bool) -> list[list[tuple[int, bytes]]]:
        """What may be read after a crash."""
        more = [self.under_way, self.refused if refused_too else None]
        return [self.acknowledged, *([*self.acknowledged, item] for item in more if item is not None)]
