"""The message tree, as a person walks it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.messages import Message, Role, Status
from chatdesk.chat.tree import Tree
from chatdesk.errors import NotFound, UsageError


def message(
    name: str,
    parent: str | None = None,
    order: int = 0,
    role: Role = Role.USER,
    status: Status = Status.COMPLETE,
) -> Message:
    return Message(name, "c", parent, role, f"text of {name}", 0.0, order, status=status)


def ids(tree: Tree) -> list[str]:
    return [m.id for m in tree.path()]


def small_tree() -> Tree:
    """a -> b1 | b2; b1 -> c1 -> d; b2 -> c2."""
    tree = Tree()
    tree.add(message("a", None, 1))
    tree.add(message("b1", "a", 2, Role.ASSISTANT))
    tree.add(message("c1", "b1", 3))
    tree.add(message("d", "c1", 4, Role.ASSISTANT))
    tree.add(message("b2", "a", 5, Role.ASSISTANT))
    tree.add(message("c2", "b2", 6))
    return tree


def test_an_empty_conversation_has_no_path() -> None:
    tree = Tree()
    assert tree.active_leaf is None
    assert tree.path() == []
    assert len(tree) == 0


def test_an_added_message_is_the_end_of_the_path() -> None:
    assert ids(small_tree()) == ["a", "b2", "c2"]


def test_going_to_another_variant_and_back_ends_at_the_same_leaf() -> None:
    tree = small_tree()
    assert tree.select_variant("b2", -1) == "d"
    assert ids(tree) == ["a", "b1", "c1", "d"]
    assert tree.select_variant("b1", 1) == "c2"
    assert ids(tree) == ["a", "b2", "c2"]


def test_variants_are_counted_from_one_and_steps_stop_at_the_ends() -> None:
    tree = small_tree()
    assert tree.variant("b1") == (1, 2)
    assert tree.variant("b2") == (2, 2)
    tree.select_variant("b2", 1)
    assert ids(tree) == ["a", "b2", "c2"]


def test_a_stored_leaf_is_active_again_after_loading() -> None:
    loaded = Tree(list(small_tree()), "d")
    assert ids(loaded) == ["a", "b1", "c1", "d"]


def test_without_a_stored_leaf_the_newest_branch_is_shown() -> None:
    assert ids(Tree(list(small_tree()), "gone")) == ["a", "b2", "c2"]


def test_removing_the_shown_branch_shows_the_variant_beside_it() -> None:
    tree = small_tree()
    removed = tree.remove("b2")
    assert [m.id for m in removed] == ["b2", "c2"]
    assert ids(tree) == ["a", "b1", "c1", "d"]
    tree.restore(removed)
    assert ids(tree) == ["a", "b2", "c2"]


def test_removing_a_hidden_branch_leaves_the_path_alone() -> None:
    tree = small_tree()
    tree.remove("b1")
    assert ids(tree) == ["a", "b2", "c2"]
    assert tree.variant("b2") == (1, 1)


def test_removing_everything_leaves_an_empty_conversation() -> None:
    tree = small_tree()
    tree.remove("a")
    assert tree.active_leaf is None
    assert len(tree) == 0


def test_a_finished_message_cannot_be_replaced() -> None:
    tree = small_tree()
    with pytest.raises(UsageError):
        tree.replace(message("d", "c1"))


def test_a_growing_message_is_replaced_in_its_place() -> None:
    tree = Tree([message("a", None, 1)])
    tree.add(message("b", "a", 2, Role.ASSISTANT, Status.STREAMING))
    tree.replace(message("b", "a", 0, Role.ASSISTANT))
    assert tree.get("b").status is Status.COMPLETE
    assert tree.get("b").order == 2


@pytest.mark.parametrize(
    "broken",
    [
        [message("a", "nowhere")],
        [message("a", "b", 1), message("b", "a", 2)],
        [message("a", "a")],
        [message("x"), message("a", "c", 1), message("b", "a", 2), message("c", "b", 3)],
    ],
)
def test_links_that_form_no_tree_are_refused(broken: list[Message]) -> None:
    with pytest.raises(UsageError):
        Tree(broken)


def test_an_unknown_message_is_not_found() -> None:
    tree = small_tree()
    for action in (tree.get, tree.show, tree.remove, tree.siblings, tree.variant):
        with pytest.raises(NotFound):
            action("nowhere")


shapes = st.lists(st.integers(min_value=-1, max_value=30), min_size=1, max_size=30)


def grown(parents: list[int]) -> Tree:
    tree = Tree()
    for index, parent in enumerate(parents):
        parent = min(parent, index - 1)
        tree.add(message(str(index), None if parent < 0 else str(parent), index))
    return tree


@given(shapes, st.randoms())
def test_loading_gives_the_same_tree_whatever_the_order_of_the_rows(parents, random) -> None:
    tree = grown(parents)
    rows = list(tree)
    random.shuffle(rows)
    loaded = Tree(rows, tree.active_leaf)
    assert ids(loaded) == ids(tree)
    for row in rows:
        assert loaded.siblings(row.id) == tree.siblings(row.id)


@given(shapes, st.data())
def test_the_path_is_always_a_chain_of_parents_that_ends_at_the_active_leaf(parents, data) -> None:
    tree = grown(parents)
    for _ in range(5):
        known = sorted(m.id for m in tree)
        if not known:
            break
        chosen = data.draw(st.sampled_from(known))
        action = data.draw(st.sampled_from(["next", "previous", "remove", "show"]))
        if action == "remove":
            tree.remove(chosen)
        elif action == "show":
            tree.show(chosen)
            assert chosen in ids(tree)
        else:
            tree.select_variant(chosen, 1 if action == "next" else -1)
        path = tree.path()
        assert [m.parent_id for m in path] == [None, *(m.id for m in path)][: len(path)]
        assert (path[-1].id if path else None) == tree.active_leaf
        assert (tree.active_leaf is None) == (len(tree) == 0)
        if path:
            assert tree.children(path[-1].id) == []


@given(shapes, st.data())
def test_removing_a_branch_and_putting_it_back_changes_nothing(parents, data) -> None:
    tree = grown(parents)
    leaf = tree.active_leaf
    siblings = {m.id: tree.siblings(m.id) for m in tree}
    removed = tree.remove(data.draw(st.sampled_from(sorted(siblings))))
    tree.restore(removed)
    tree.activate(leaf)
    assert {m.id: tree.siblings(m.id) for m in tree} == siblings
    assert tree.active_leaf == leaf
