# ruff: noqa: INP001 - a file that partners download and run alone
"""Check a statement of yours, or one line's proof, with nothing but Python: python3 verify_statement.py FILE.json

It computes every hash again, adds up the lines, and follows each line's proof to the statement's root and the
statement's proof to the month's root, which all partners of the month share. Compare that root with another partner's.
"""

import hashlib
import json
import sys
from typing import Any

ACCOUNTS = {"": "payable", ":reserve": "reserve", ":advance": "advance"}
"""What a statement calls the accounts of its party, by how their names end."""


def leaf(value: Any) -> str:
    """Return the hash of one line: SHA-256 over a zero byte and its JSON, keys sorted, no blanks."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(b"\0" + text.encode()).hexdigest()


def node(left: str, right: str) -> str:
    """Return the hash over two hashes."""
    return hashlib.sha256(b"\1" + bytes.fromhex(left) + bytes.fromhex(right)).hexdigest()


def root_of(leaves: list[str]) -> str:
    """Return the hash over all leaves; one without a sibling goes up as it is."""
    while len(leaves) > 1:
        pairs = [leaves[i : i + 2] for i in range(0, len(leaves), 2)]
        leaves = [node(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return leaves[0]


def climb(at: str, proof: list[list[str]]) -> str:
    """Return the root to which a proof leads from a leaf."""
    for side, sibling in proof:
        at = node(sibling, at) if side == "left" else node(at, sibling)
    return at


def faults_of(file: dict[str, Any]) -> list[str]:
    """Return what is wrong with a statement, one sentence each."""
    head, lines, found = file["head"], file["lines"], []
    leaves = [leaf(head), *(leaf(line) for line in lines)]
    if head["lines"] != len(lines):
        found.append(f"The head says {head['lines']} lines, there are {len(lines)}.")
    for account, opening in head["opening"].items():
        moved = sum(line["amount"] for line in lines if line["account"] == account)
        closing = head["closing"][account]
        if opening + moved != closing:
            found.append(f"{account}: opening {opening} and lines {moved} make {opening + moved}, not {closing}.")
    for i, (one, proof) in enumerate(zip(leaves, file["proofs"], strict=False)):
        if climb(one, proof) != file["root"]:
            what = "The head" if i == 0 else f"Line {i} (posting {lines[i - 1]['posting']})"
            found.append(f"{what} is not what the statement's root was computed from.")
    if len(file["proofs"]) != len(leaves) or root_of(leaves) != file["root"]:
        found.append("The lines together do not give the statement's root.")
    return found + month_faults(file)


def line_faults(file: dict[str, Any]) -> list[str]:
    """Return what is wrong with the proof of one line, one sentence each."""
    told, found = file["statement"], []
    if told is None:
        return ["No issued statement lists this line yet; it can be proven after the month's close."]
    if climb(leaf(told["head"]), told["head_proof"]) != told["root"]:
        found.append("The head is not what the statement's root was computed from.")
    for line, proof in zip(told["lines"], told["proofs"], strict=True):
        if climb(leaf(line), proof) != told["root"]:
            found.append(f"Posting {line['posting']} is not what the statement's root was computed from.")
    for what, sums in (("the statement's lines", told["lines"]), ("its postings", file["postings"])):
        if sum(row["amount"] for row in sums) != file["amount"]:
            found.append(f"The line says {file['amount']}, {what} do not.")
    if file["computed"]["amount"] != file["amount"]:
        found.append(f"The line says {file['amount']}, its inputs give {file['computed']['amount']}.")
    return found + named_faults(file) + month_faults(told)


def named_faults(file: dict[str, Any]) -> list[str]:
    """Return where the proof of a line names something else than the statement that proves it."""
    told, found = file["statement"], []
    head, party = told["head"], file["party"]
    named = [("party", party, head["party"]), ("currency", file["currency"], head["currency"])]
    for row in told["lines"]:
        named += [("order", file["order"], row["order"]), ("line", file["line"], row["line"])]
        named += [("entry", file["entry"]["id"], row["entry"])]
    for what, said, proven in named:
        if said != proven:
            found.append(f"The file says {what} {said!r}, the statement {proven!r}.")
    accounts = {f"party:{party}{end}": account for end, account in ACCOUNTS.items()}
    said = [[accounts.get(row["account"]), row["clause"], row["amount"]] for row in file["postings"]]
    proven = [[row["account"], row["clause"], row["amount"]] for row in told["lines"]]
    if sorted(map(repr, said)) != sorted(map(repr, proven)):
        found.append("The postings are not those of the statement's lines.")
    return found


def month_faults(file: dict[str, Any]) -> list[str]:
    """Return what is wrong with a statement's way to the month's root."""
    head, month, found = file["head"], file["month"], []
    if month["leaf"] != {"number": head["number"], "root": file["root"]}:
        found.append("The month's tree holds another statement than this one.")
    if month["month"] != head["month"]:
        found.append(f"The file says month {month['month']!r}, the statement {head['month']!r}.")
    if climb(leaf(month["leaf"]), month["proof"]) != month["root"]:
        found.append("This statement is not part of the month's root.")
    if climb(leaf(month["seal"]), month["seal_proof"]) != month["root"]:
        found.append("The ledger's seal is not part of the month's root.")
    return found


def main(arguments: list[str]) -> int:
    """Read the file, say what is wrong, return 0 where nothing is."""
    if len(arguments) != 2 or arguments[1] in {"-h", "--help"}:
        sys.stdout.write(f"{__doc__}\n")
        return 1
    try:
        with open(arguments[1], encoding="utf-8") as source:  # noqa: PTH123 - reads as any Python does
            file = json.load(source)
        single = file["format"] == "tributary-line/1"
        found = line_faults(file) if single else faults_of(file)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as fault:
        sys.stdout.write(f"{arguments[1]} is no statement that can be checked: {fault!r}\n")
        return 1
    for sentence in found:
        sys.stdout.write(f"WRONG: {sentence}\n")
    if found:
        return 1
    told = file["statement"] if single else file
    head, month = told["head"], told["month"]
    if single:
        sys.stdout.write(
            f"Order {file['order']}, line {file['line']}: {file['amount']} minor units of {file['currency']}, as in "
            f"{head['number']}.\nThe line is proven.\nRoot of {month['month']}: {month['root']} "
            f"(seal {month['seal']['seal']})\n"
        )
        return 0
    sys.stdout.write(
        f"{head['number']}: {head['lines']} lines, opening {head['opening']['payable']}, closing "
        f"{head['closing']['payable']} minor units of {head['currency']}.\nEvery line is proven.\n"
        f"Root of {month['month']}: {month['root']} (seal {month['seal']['seal']})\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
