"""Which operations of TensorFlow a SavedModel may hold: those that compute, and reach nothing outside the model.

An operation is allowed only where TensorFlow knows it. One that TensorFlow calls stateful must be listed here; one that
it does not must have no argument that names a file or an address, and not be listed as one that reaches outside.
"""

from __future__ import annotations

import re
from typing import Any

# Of a model's own variables; where they may stand, ``saved_model_graph`` says.
CHECKPOINT = frozenset(("SaveV2", "RestoreV2", "MergeV2Checkpoints"))
# Read a table from a file, which must be one of the folder's own assets.
TABLE_FROM_FILE = frozenset(("InitializeTableFromTextFile", "InitializeTableFromTextFileV2"))

_STATEFUL = re.compile(
    # variables and what optimizers do to them
    r"_?Var(Handle|IsInitialized)Op|_?ReadVariables?Op|Assign(Add|Sub)?VariableOp|VariableShape|Variable(V2)?"
    r"|TemporaryVariable|DestroyResourceOp|DisableCopyOnRead|IsResourceHandleRefCounting|MakeWeakResourceHandle"
    r"|Resource(Gather|Scatter|Apply|SparseApply|StridedSlice|CountUpTo)\w*|Mutex(V2|Lock)|ConsumeMutexLock"
    # tables in memory
    r"|(Anonymous)?(HashTable|Mutable(Dense)?HashTable(OfTensors)?)(V2)?|InitializeTable(V2|FromDataset)?"
    r"|LookupTable(Export|Find|Import|Insert|Remove|Size)V2"
    # random numbers
    r"|Random(Crop|Gamma|Poisson(V2)?|Shuffle|StandardNormal|Uniform(Int)?)|Stateful(Random|Standard|Truncated|Uniform)\w*"
    r"|Rng(ReadAndSkip|Skip)|NonDeterministicInts|Multinomial|(Parameterized)?TruncatedNormal|StatelessRandomGetAlg"
    r"|(Anonymous|Delete|Dummy)(Random)?Seed(Generator)|SampleDistortedBoundingBox(V2)?"
    r"|(All|LearnedUnigram|LogUniform|ThreadUnsafeUnigram|Uniform)CandidateSampler"
    # control flow, lists and checks
    r"|_?If|_?While|Case|StatefulPartitionedCall|Assert|CheckNumerics(V2)?|XlaIf|XlaWhile|RiscWhile|Empty|DeepCopy"
    r"|TensorArray\w*|Stack\w*|GuaranteeConst|GraphDefVersion|RequiresOlderGraphVersion|DeviceIndex|Timestamp|SyncDevice"
    r"|(AddManySparseTo|AddSparseTo|TakeManySparseFrom)TensorsMap"
    # layers
    r"|CudnnRNN\w*|BoostedTrees\w*|IsBoostedTrees\w*"
    # data in memory
    r"|(Range|Tensor|SparseTensorSlice|Reduce|Random|Generator|List)Dataset(V2)?|Shuffle(AndRepeat)?DatasetV[23]"
    r"|DatasetToSingleElement|(Anonymous)?Iterator(V[23])?|(Make|Delete|OneShot)Iterator"
    r"|IteratorGetNext(Sync|AsOptional)?|Dummy(IterationCounter|MemoryCache)|AnonymousMemoryCache|DeleteMemoryCache"
)
# Not stateful to TensorFlow, and outside all the same: Python, other graphs within texts, other machines, the memory.
_OUTSIDE = re.compile(
    r"PyFunc\w*|EagerPyFunc|MatchingFiles|ReadFile|DatasetFromGraph|DeserializeIterator|RemoteCall|Reader\w*"
    r"|RegisterDataset\w*|Snapshot\w+|TPU\w*|Xla(CustomCall|Launch|HostCompute|CallModule)\w*|MlirPassthroughOp|Ifrt\w*|_?Send|_?Recv"
    r"|Queue\w*|ImmutableConst|Debug(Identity|NanCount|NumericSummary)"
)
_NAMES_A_PLACE = re.compile(
    r"(^|_)(file|filenames?|paths?|dir|logdir|directory|urls?|address|prefix(es)?)(_|$)|memory_region|_source(_name)?$"
)
_PATHS_OF_A_SEARCH = "CTCBeamSearchDecoder"  # which has an argument ``top_paths``


def is_allowed(node: Any, definition: Any) -> bool:
    """Whether a node of a graph only computes.

    Args:
        node: a ``NodeDef``.
        definition: the ``OpDef`` of its operation.
    """
    if node.op in ("DecodeProtoV2", "EncodeProto"):
        source = node.attr["descriptor_source"].s
        return not source or source.startswith((b"local://", b"bytes://"))
    if node.op == "TensorSliceDataset":
        return not node.attr["is_files"].b
    if definition.is_stateful:
        return _STATEFUL.fullmatch(node.op) is not None
    if _OUTSIDE.fullmatch(node.op):
        return False
    arguments = [argument.name for argument in (*definition.input_arg, *definition.attr)]
    return node.op == _PATHS_OF_A_SEARCH or not any(map(_NAMES_A_PLACE.search, arguments))
