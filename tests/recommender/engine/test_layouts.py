from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from recommender.engine.data import Interactions
from recommender.engine.errors import ConfigError, DataError, LeakError
from recommender.engine.evaluate import evaluate, rank_stage
from recommender.engine.layouts import read_dataset
from recommender.engine.metrics import per_user
from recommender.engine.models.popularity import Popularity, PopularitySettings
from tests.recommender.engine.conformance import CPU


def folder(path: Path, **files: str) -> Path:
    """Write files whose names have `_` for the dot."""
    for name, text in files.items():
        stem, _dot, ending = name.rpartition("_")
        (path / f"{stem}.{ending}").write_text(text)
    return path


def histories(table: object) -> list[list[int]]:
    return [table.item_ids[table.history(row)].tolist() for row in range(table.n_users)]  # type: ignore[attr-defined]


def test_p1_asks_for_the_last_item_of_each_line(tmp_path: Path) -> None:
    data = read_dataset(folder(tmp_path, sequences_txt="5 3 9 7\n3 9 5\n\n7\n"), "p1")
    test, valid = data.split.test, data.split.valid
    assert histories(test.train) == [[5, 3, 9], [3, 9], [], []]
    assert test.train.item_ids[test.targets].tolist() == [7, 5]
    assert histories(valid.train)[:2] == [[5, 3], [3]]
    assert data.select_by == "ndcg@10"
    assert data.findings == {}


def test_files_may_be_compressed(tmp_path: Path) -> None:
    packed = gzip.compress(b"1 2 3\n2 3 1\n")
    (tmp_path / "sequences.txt.gz").write_bytes(packed)
    assert read_dataset(tmp_path, "p1").split.test.users.size == 2
    for damaged in (b"1 2", packed[:-9], packed[:12] + b"\xff\xff" + packed[14:]):
        (tmp_path / "sequences.txt.gz").write_bytes(damaged)
        with pytest.raises(DataError, match="cannot be read"):
            read_dataset(tmp_path, "p1")


def test_files_of_other_systems_and_odd_titles_are_read(tmp_path: Path) -> None:
    events = "\ufeffuser\titem\tunix_time\r\n0\t1\t1\r\n0\t2\t200000\r\n"
    titles = "item\ttitle\n1\ta\u2028b\x85\n2\tc\x0bd\n3\n"
    path = folder(tmp_path, interactions_tsv=events, items_tsv=titles, sequences_txt="\ufeff1 2\r2 1\r")
    (path / "item_kg.tsv").write_text("item\trelation\tentity_id\n1\tlevel\n")
    data = read_dataset(path, "p3", valid_from="1970-01-02", test_from="1970-01-03")
    assert data.split.test.train.item_ids.tolist() == [1, 2, 3]
    assert read_dataset(path, "p1").split.test.users.tolist() == [0, 1]


def test_items_that_are_only_listed_compete_too(tmp_path: Path) -> None:
    data = read_dataset(folder(tmp_path, sequences_txt="1 2 3\n", items_tsv="item\ttitle\n8\ta b\n1\ta b\n"), "p1")
    assert data.split.test.train.item_ids.tolist() == [1, 2, 3, 8]
    assert data.split.test.train.content is not None


def test_a_repeat_counts_where_it_came_first_and_is_told(tmp_path: Path) -> None:
    lines = "1 2 1 3 4\n" + "1 2 3\n" * 3
    data = read_dataset(folder(tmp_path, sequences_txt=lines), "p1")
    assert histories(data.split.test.train)[0] == [1, 2, 3]
    assert data.findings == {"repeated_rows": 1}


def test_p3_cuts_at_two_instants_and_knows_new_items(tmp_path: Path) -> None:
    events = "user\titem\tunix_time\n0\t1\t100\n0\t2\t86500\n0\t3\t172900\n1\t1\t50\n1\t9\t172801\n"
    graph = "item\trelation\tentity_id\n1\tlevel\t7\n9\tlevel\t7\n"
    path = folder(tmp_path, interactions_tsv=events, item__kg_tsv=graph)
    (path / "item__kg.tsv").rename(path / "item_kg.tsv")
    data = read_dataset(path, "p3", valid_from="1970-01-02", test_from="1970-01-03")
    test = data.split.test
    assert histories(test.train) == [[1, 2], [1]]
    assert test.train.item_ids[test.targets].tolist() == [3, 9]
    assert (test.train.item_counts[test.targets] == 0).all()
    assert test.train.content is not None
    assert histories(data.split.valid.train) == [[1], [1]]


def test_p3_takes_its_dates_from_the_folder(tmp_path: Path) -> None:
    path = folder(tmp_path, interactions_tsv="user\titem\tunix_time\n0\t1\t1\n0\t2\t200000\n")
    with pytest.raises(ConfigError, match=r"needs valid_from: in protocol\.json, or --valid-from"):
        read_dataset(path, "p3")
    (path / "protocol.json").write_text('{"valid_from": "1970-01-02", "test_from": "1970-01-02"}')
    assert read_dataset(path, "p3").split.test.targets.size == 1
    with pytest.raises(ConfigError, match="is no date"):
        read_dataset(path, "p3", test_from="soon")


def test_split_takes_sets_and_users_without_a_past(tmp_path: Path) -> None:
    train = "10 1 2 3 4 5\n\n11 1 2\n13 4\n"
    data = read_dataset(folder(tmp_path, train_txt=train, test_txt="10 6 7\n12 1\n13\n"), "split")
    test = data.split.test
    assert test.unordered
    assert test.known.user_ids[test.users].tolist() == [10, 12]
    assert histories(test.known)[1:3] == [[1, 2], []]
    assert data.select_by == "ndcg@20"
    valid = data.split.valid
    assert len(valid.train) + valid.targets.size == 8
    assert np.diff(valid.pointers).tolist() == [1, 1]


def test_figures_of_sets_are_the_textbooks(tmp_path: Path) -> None:
    """Popularity ranks 1, 2, 3, 4: of {2, 4} at ranks 1 and 3 after user 10's own item 1."""
    train = "10 1\n11 1 2 3 4\n12 1 2 3\n13 1 2\n"
    data = read_dataset(folder(tmp_path, train_txt=train, test_txt="10 4 2\n"), "split")
    stage = data.split.test
    model = Popularity.fit(stage.train, settings=PopularitySettings(), device=CPU, rng=np.random.default_rng(0))
    ranking = rank_stage(model, stage, device=CPU)
    assert ranking.ranks.tolist() == [3, 1]
    values = per_user(ranking)
    assert values["recall@20"].tolist() == [1.0]
    assert values["ndcg@20"][0] == pytest.approx((1 + 0.5) / (1 + 1 / np.log2(3)))
    assert values["mrr"].tolist() == [1.0]
    figures = evaluate(model, stage, device=CPU, rng=np.random.default_rng(0), replicates=2)
    assert figures["tail20_hr@10"].count == 2


def test_given_asks_with_histories_of_their_own(tmp_path: Path) -> None:
    files = {"train_input_txt": "1 2 3\n4 5 6 7\n", "val_input_txt": "1 2\n4\n3 1\n", "val_output_txt": "3\n7 5\n\n\n"}
    data = read_dataset(folder(tmp_path, **files), "given")
    test = data.split.test
    assert histories(test.train) == [[1, 2, 3], [4, 5, 6, 7]]
    assert histories(test.known) == [[1, 2], [4], [3, 1]]
    assert test.users.tolist() == [0, 1]
    assert test.train.item_ids[test.targets].tolist() == [3, 7, 5]
    assert histories(data.split.valid.train) == [[1, 2], [4, 5, 6]]
    model = Popularity.fit(test.train, settings=PopularitySettings(), device=CPU, rng=np.random.default_rng(0))
    assert rank_stage(model, test, device=CPU).ranks.tolist() == [3, 3.5, 3.5]


def test_answers_in_the_question_are_refused_and_stray_ones_left_out(tmp_path: Path) -> None:
    leaking = folder(tmp_path, train_txt="1 5 6 7\n2 5 6\n", test_txt="1 7\n2 7\n")
    with pytest.raises(LeakError, match="1 of 2 items that are asked for stand in the history"):
        read_dataset(leaking, "split")
    train = "".join(f"{user} 5 6 {user + 100}\n" for user in range(200))
    test = "".join(f"{user} {5 if user == 3 else 7}\n" for user in range(200))
    data = read_dataset(folder(tmp_path, train_txt=train, test_txt=test), "split")
    assert data.findings == {"target_in_train": 1}
    assert data.split.test.users.size == 199
    sequences = "1 2 3 3\n" * 3 + "4 5 6\n" * 7
    with pytest.raises(LeakError, match="the last item of 3 of 10 sequences"):
        read_dataset(folder(tmp_path, sequences_txt=sequences), "p1")


def test_bad_files_are_named_with_their_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        read_dataset(tmp_path / "none", "p1")
    with pytest.raises(DataError, match=r"neither sequences.txt nor sequences.txt.gz"):
        read_dataset(tmp_path, "p1")
    with pytest.raises(DataError, match="line 2: 'x' is no id"):
        read_dataset(folder(tmp_path, sequences_txt="1 2 3\n1 x\n"), "p1")
    with pytest.raises(DataError, match="line 1: '-4' is no id"):
        read_dataset(folder(tmp_path, sequences_txt="1 -4 3\n"), "p1")
    with pytest.raises(DataError, match="no user has both"):
        read_dataset(folder(tmp_path, sequences_txt="1\n2\n"), "p1")
    day = "2020-01-01"
    with pytest.raises(DataError, match="there is no column 'unix_time'"):
        read_dataset(folder(tmp_path, interactions_tsv="user\titem\n1\t2\n"), "p3", valid_from=day, test_from=day)
    with pytest.raises(DataError, match="line 3: 'y' is no id"):
        events = "user\titem\tunix_time\n1\t2\t3\n1\ty\t4\n"
        read_dataset(folder(tmp_path, interactions_tsv=events), "p3", valid_from=day, test_from=day)
    with pytest.raises(DataError, match="val_input has 1 lines, val_output 2"):
        files = {"train_input_txt": "1 2\n", "val_input_txt": "1\n", "val_output_txt": "2\n2\n"}
        read_dataset(folder(tmp_path, **files), "given")
    (tmp_path / "sequences.txt").unlink()
    (tmp_path / "sequences.txt.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match="cannot be read"):
        read_dataset(tmp_path, "p1")


@pytest.mark.parametrize("word", ["1_0", "+1", "1.0", "\uff11", "9223372036854775808", "9" * 5000, "user", "3,4"])
def test_whatever_is_no_plain_number_is_no_id(tmp_path: Path, word: str) -> None:
    """Python reads the first two and the fourth as numbers; in a file of ids they are more likely a mistake."""
    with pytest.raises(DataError, match=f"train.txt, line 2: '{re.escape(word)}' is no id; ids are whole numbers"):
        read_dataset(folder(tmp_path, train_txt=f"1 2 3\n2 1 {word}\n", test_txt="1 4\n"), "split")


def test_text_that_is_no_utf_8_is_told_plainly(tmp_path: Path) -> None:
    (tmp_path / "sequences.txt").write_bytes("1 2 3\n".encode("utf-16"))
    with pytest.raises(DataError, match=r"sequences\.txt: cannot be read: it is no UTF-8 text \(byte 0\)"):
        read_dataset(tmp_path, "p1")


def test_the_largest_ids_are_ids(tmp_path: Path) -> None:
    largest = 2**63 - 1
    lines = f"{largest} 1 {largest}\n2 1 {largest}\n"
    test = read_dataset(folder(tmp_path, train_txt=lines, test_txt="2 7\n"), "split").split.test
    assert test.train.item_ids.tolist() == [1, 7, largest]
    assert test.train.user_ids.tolist() == [2, largest]


def test_unknown_protocols_and_dates_out_of_place_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown protocol 'p9'; known: p1, p3, split, given"):
        read_dataset(tmp_path, "p9")
    with pytest.raises(ConfigError, match="are for protocol p3"):
        read_dataset(tmp_path, "p1", test_from="2020-01-01")


def test_descriptions_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    path = folder(tmp_path, sequences_txt="1 2 3\n")
    (path / "item_kg.tsv").write_text("item\trelation\n1\tlevel\n")
    with pytest.raises(DataError, match="there is no column 'entity_id'"):
        read_dataset(path, "p1")
    (path / "item_kg.tsv").write_text("item\trelation\tentity_id\nx\tlevel\t4\n")
    with pytest.raises(DataError, match="line 2: 'x' is no id"):
        read_dataset(path, "p1")
    (path / "item_kg.tsv").write_text("item\trelation\tentity_id\n")
    (path / "items.tsv").write_text("item\tcode\n1\tabc\n")
    assert read_dataset(path, "p1").split.test.train.content is None


def test_a_past_that_nobody_could_learn_from_is_refused(tmp_path: Path) -> None:
    files = {"train_input_txt": "\n", "val_input_txt": "1 2\n", "val_output_txt": "3\n"}
    with pytest.raises(DataError, match="there is nothing to learn from"):
        read_dataset(folder(tmp_path, **files), "given")


def test_dates_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    path = folder(tmp_path, interactions_tsv="user\titem\tunix_time\n0\t1\t1\n")
    for told in ("{", "[1]", "7"):
        (path / "protocol.json").write_text(told)
        with pytest.raises(DataError, match=r"protocol\.json: cannot be read"):
            read_dataset(path, "p3")


def test_histories_hold_only_items_of_the_catalogue() -> None:
    with pytest.raises(DataError, match="item 7 is not in the catalogue"):
        Interactions.of_histories([np.array([7])], item_ids=np.array([1, 2]))
