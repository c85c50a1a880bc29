"""A plugin of mypy: `having()` takes a model's fields, each by its name and with its type, and no other.

Not where the model is a type variable: mypy asks no plugin there, and the check at run time is all there is.
"""

from collections.abc import Callable

from mypy.nodes import ARG_NAMED_OPT, TypeInfo, Var
from mypy.plugin import MethodSigContext, Plugin
from mypy.types import FunctionLike, Instance, Type, get_proper_type

MODEL = "datareplication.core.model.Model"


class HavingPlugin(Plugin):
    """Gives `having()` the signature of the model that it is called on."""

    def get_method_signature_hook(self, fullname: str) -> Callable[[MethodSigContext], FunctionLike] | None:
        """Return what knows the signature, None for other methods."""
        return signature if fullname.endswith(".having") else None


def signature(context: MethodSigContext) -> FunctionLike:
    """Return a signature with one optional keyword for each field."""
    of = get_proper_type(context.type)
    if not isinstance(of, Instance) or not of.type.has_base(MODEL):
        return context.default_signature
    found = fields(of.type)
    return context.default_signature.copy_modified(
        arg_types=list(found.values()), arg_kinds=[ARG_NAMED_OPT] * len(found), arg_names=list(found)
    )


def fields(model: TypeInfo) -> dict[str, Type]:
    """Return the fields of a model and of those that it is made of, with their types."""
    found: dict[str, Type] = {}
    for base in model.mro:
        for name, symbol in base.names.items():
            node = symbol.node
            if isinstance(node, Var) and node.type is not None and not node.is_classvar and not name.startswith("_"):
                found.setdefault(name, node.type)
    return found


def plugin(_version: str) -> type[Plugin]:
    """Return the plugin, as mypy asks for it."""
    return HavingPlugin
