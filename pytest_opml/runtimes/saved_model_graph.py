"""What the graph of a SavedModel would do, read from its ``saved_model.pb`` without loading it.

Loading a SavedModel runs operations already: those that make its tables, and in one of TensorFlow 1 those that restore
its variables. So every operation is looked at, in all of its graphs and functions, and must be one that only computes.
Two kinds that read files are in most SavedModels, and allowed where they do what TensorFlow puts them there for:

- save and restore of the model's own variables: reached from the two nodes that ``saver_def`` names and from nothing
  else, and what restores takes the name of the checkpoint that it is given;
- a table that is filled from a file, where the file is one of the folder's assets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from .tensorflow_operations import CHECKPOINT, TABLE_FROM_FILE, is_allowed

_INIT = "__saved_model_init_op"
_PASSES_ON = ("Identity", "PlaceholderWithDefault", "ReadVariableOp")
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_ASSIGNS = ("Assign", "AssignVariableOp")
_MAIN = ""  # the name of the graph itself among its functions


def reaching_outside(saved: Any) -> tuple[str, ...]:
    """Return the names of the operations of a ``SavedModel`` that do more than compute, sorted; each once.

    Raises:
        ValueError: it is damaged.
    """
    names: set[str] = set()
    try:
        for graph in saved.meta_graphs:
            names |= _Graph(graph).reaching_outside()
    except (IndexError, KeyError, RecursionError) as error:
        raise ValueError("has nodes that lack what they take") from error
    return tuple(sorted(names))


def foreign_assets(saved: Any) -> tuple[str, ...]:
    """Return the names of asset files that lie outside the folder, or are no files' names."""
    names = [asset.filename for graph in saved.meta_graphs for asset in _assets(graph)]
    return tuple(sorted({name for name in names if not name or name.startswith("/") or ".." in _parts(name)}))


def _parts(name: str) -> tuple[str, ...]:
    return PurePosixPath(name).parts


def _assets(meta_graph: Any) -> list[Any]:
    """The assets of a graph, where TensorFlow 2 keeps them or else where TensorFlow 1 does."""
    from tensorflow.core.protobuf.meta_graph_pb2 import AssetFileDef

    if meta_graph.asset_file_def:
        return list(meta_graph.asset_file_def)
    assets = []
    for packed in meta_graph.collection_def["saved_model_assets"].any_list.value:
        assets.append(AssetFileDef())
        packed.Unpack(assets[-1])
    return assets


def _by_name(named: list[tuple[str, Any]]) -> dict[str, Any]:
    by_name = dict(named)
    if len(by_name) < len(named):  # of which one would be looked at, and the other run
        raise ValueError("has two nodes or functions of one name")
    return by_name


def _node_of(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]


class _Graph:
    """A graph with its functions, each of which is known by its name; the graph itself by the empty one."""

    def __init__(self, meta_graph: Any) -> None:
        graph = meta_graph.graph_def
        self._meta = meta_graph
        self._functions = _by_name([(function.signature.name, function) for function in graph.library.function])
        bodies = {_MAIN: graph.node} | {name: function.node_def for name, function in self._functions.items()}
        self._nodes = {name: _by_name([(node.name, node) for node in nodes]) for name, nodes in bodies.items()}
        self._bound = {name: one.bound_inputs for name, one in meta_graph.object_graph_def.concrete_functions.items()}
        self._assets = {_node_of(asset.tensor_info.name) for asset in _assets(meta_graph)}
        self._filename = {_node_of(meta_graph.saver_def.filename_tensor_name)} - {""}

    def reaching_outside(self) -> set[str]:
        """The names of its operations that do more than compute."""
        from tensorflow.python.framework import op_def_registry

        asked, begun, saved = self._reached()
        names: set[str] = set()
        for scope, nodes in self._nodes.items():
            for node in nodes.values():
                place, definition = (scope, node.name), op_def_registry.get(node.op)
                if definition is None and node.op in self._functions:
                    continue
                if node.op in CHECKPOINT:
                    is_fine = place in saved and place not in asked | begun and self._restores_its_own(scope, node)
                elif node.op in TABLE_FROM_FILE:
                    is_fine = self._leads(scope, node.input[1], self._assets, assets=True)
                    # there TensorFlow 1 takes the name that the file holds, and not that of the asset
                    is_fine = is_fine and not (scope == _MAIN and place in asked | saved)
                else:
                    is_fine = definition is not None and is_allowed(node, definition)
                if not is_fine:
                    names.add(node.op)
        return names

    def _restores_its_own(self, scope: str, node: Any) -> bool:
        """Whether an operation of save or restore is put to no other use, and restores the checkpoint it is given."""
        if scope != _MAIN and "api_implements" in self._functions[scope].attr:  # by which one stands for another
            return False
        return node.op != "RestoreV2" or self._leads(scope, node.input[0], self._filename)

    def _reached(self) -> tuple[set[tuple[str, str]], set[tuple[str, str]], set[tuple[str, str]]]:
        """Nodes, by scope and name, that an answer needs; that loading runs; that save and restore need."""
        meta, saver = self._meta, self._meta.saver_def
        signatures = meta.signature_def.items()
        asked = [info.name for name, one in signatures if name != _INIT for info in one.outputs.values()]
        begun = [info.name for name, one in signatures if name == _INIT for info in one.outputs.values()]
        begun += [name for one in meta.collection_def.values() for name in one.node_list.value]
        saved = [name for name in (saver.save_tensor_name, saver.restore_op_name) if name]
        objects = [(name, node) for name in self._bound for node in self._nodes.get(name, ())]
        main = [{(_MAIN, _node_of(name)) for name in names} for names in (asked, begun, saved)]
        return self._closure(main[0]), self._closure([*main[1], *objects]), self._closure(main[2])

    def _closure(self, places: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Nodes with all that they take, and all nodes of the functions that they call."""
        reached: set[tuple[str, str]] = set()
        open_places = list(places)
        while open_places:
            place = open_places.pop()
            scope, name = place
            if place in reached or name not in self._nodes[scope]:
                continue
            reached.add(place)
            node = self._nodes[scope][name]
            open_places += [(scope, _node_of(tensor)) for tensor in node.input]
            for function in self._called(node):
                open_places += [(function, inner) for inner in self._nodes[function]]
        return reached

    def _called(self, node: Any) -> Iterator[str]:
        """The functions that a node names, in whatever attribute."""
        names = [node.op, *(value.func.name for value in node.attr.values())]
        names += [function.name for value in node.attr.values() for function in value.list.func]
        return (name for name in names if name in self._functions)

    def _leads(
        self,
        scope: str,
        tensor: str,
        ends: set[str],
        *,
        assets: bool = False,
        seen: frozenset[tuple[str, str]] = frozenset(),
    ) -> bool:
        """Whether a text comes from certain nodes of the graph, on whatever way.

        Args:
            scope: of the node that takes the text.
            tensor: as that node names it.
            ends: names of the nodes of the graph itself that it may come from.
            assets: whether it may be an asset that TensorFlow 2 binds to a function.
            seen: places on the way here, where no circle leads anywhere.
        """
        name = _node_of(tensor)
        if (scope, name) in seen:
            return False
        seen |= {(scope, name)}
        if scope == _MAIN and name in ends:
            return True
        node = self._nodes[scope].get(name)
        if node is None:
            return scope != _MAIN and self._argument_leads(scope, name, ends, assets=assets, seen=seen)
        if node.op == "ReadVariableOp":
            values = [
                writer.input[1]
                for writer in self._nodes[scope].values()
                if writer.op in _ASSIGNS and writer.input[0] == node.input[0]
            ]
            return bool(values) and all(self._leads(scope, one, ends, assets=assets, seen=seen) for one in values)
        return node.op in _PASSES_ON and self._leads(scope, node.input[0], ends, assets=assets, seen=seen)

    def _argument_leads(
        self, function: str, name: str, ends: set[str], *, assets: bool, seen: frozenset[tuple[str, str]]
    ) -> bool:
        """Whether an argument of a function comes from certain nodes, wherever the function is called."""
        arguments = [argument.name for argument in self._functions[function].signature.input_arg]
        if name not in arguments:
            return False
        index = arguments.index(name)
        if function in self._bound:
            bound = list(self._bound[function])
            number = index - (len(arguments) - len(bound))
            if not assets or number < 0 or self._kind_of_object(bound[number]) != "asset":
                return False
        for scope, nodes in self._nodes.items():
            for node in nodes.values():
                if function not in self._called(node):
                    continue
                is_call = node.op == function or node.op in _CALLS
                if not is_call or not self._leads(scope, node.input[index], ends, assets=assets, seen=seen):
                    return False
        return True

    def _kind_of_object(self, number: int) -> str | None:
        objects = self._meta.object_graph_def.nodes
        kind: str | None = objects[number].WhichOneof("kind") if number < len(objects) else None
        return kind
