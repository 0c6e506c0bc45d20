"""Taylor mode: the derivatives of a network, propagated layer by layer in one batched pass.

Letters: c derivatives (of a downward-closed set), n points, w and v widths, d coordinates, p parameters.

A ``Jet`` holds all wanted derivatives of a layer's values as one (c, n, w) tensor. A linear layer is then one GEMM for
all of them, an activation is Faa di Bruno's formula, a gate is Leibniz' rule. The backward passes are written by hand
and need little memory. They give gradients once; ``Network.forward`` uses plain torch operations and may be
differentiated again and again.

The residual Jacobian comes from the same pass: points do not interact, so the cotangents of one reverse pass are those
of each single point, and a layer's Jacobian rows are products of its inputs and its cotangents. A ``Tape`` keeps what
that takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pinnlab.derivatives.activations import activation
from pinnlab.derivatives.indices import VALUE, Indices, faa_di_bruno, leibniz

ParameterGradients = dict[nn.Parameter, Tensor]
"""Per-point gradients of parameters: {parameter: (n, *parameter.shape)}."""


@dataclass
class Tape:
    """What a linearized pass keeps: outputs of layers with parameters, and how their cotangents become rows."""

    entries: list[tuple[Tensor, Callable[[Tensor], ParameterGradients]]] = field(default_factory=list)

    def record(self, output: Tensor, rule: Callable[[Tensor], ParameterGradients]) -> Tensor:
        """Keep ``output`` (c, n, w); ``rule`` maps its cotangent of the same shape to per-point gradients."""
        if not output.requires_grad:
            output.requires_grad_()
        self.entries.append((output, rule))
        return output

    def pull_back(self, output: Tensor, cotangent: Tensor) -> ParameterGradients:
        """Per-point gradients of sum(cotangent * output), both (c, n, m)."""
        outputs = [entry[0] for entry in self.entries]
        cotangents = torch.autograd.grad(output, outputs, cotangent, retain_graph=True, allow_unused=True)
        rows: ParameterGradients = {}
        for (_, rule), cot in zip(self.entries, cotangents, strict=True):
            if cot is not None:
                for parameter, value in rule(cot).items():
                    rows[parameter] = rows[parameter] + value if parameter in rows else value
        return rows


@dataclass(frozen=True)
class Jet:
    """Derivatives of w values at n points: ``data[i]`` is the derivative ``indices[i]``, (n, w).

    Args:
        data: (c, n, w).
        indices: the downward-closed set of multi-indices, c of them.
        tape: records layers when per-point gradients are wanted.
    """

    data: Tensor
    indices: Indices
    tape: Tape | None = None

    @classmethod
    def of_points(cls, points: Tensor, indices: Indices, tape: Tape | None = None) -> Jet:
        """The jet of the coordinates themselves: (n, d) points, unit first derivatives."""
        data = points.new_zeros(len(indices), *points.shape)
        data[0] = points
        for i, index in enumerate(indices):
            if len(index) == 1:
                data[i, :, index[0]] = 1
        return cls(data, indices, tape)

    @property
    def value(self) -> Tensor:
        """(n, w): the values."""
        return self.data[0]

    def with_data(self, data: Tensor) -> Jet:
        """Another jet of the same derivatives and tape."""
        return Jet(data, self.indices, self.tape)

    def __add__(self, other: Jet) -> Jet:
        return self.with_data(self.data + other.data)

    def __sub__(self, other: Jet) -> Jet:
        return self.with_data(self.data - other.data)

    def __mul__(self, other: Jet) -> Jet:
        if self.indices == VALUE:
            return self.with_data(self.data * other.data)
        return self.with_data(_Product.apply(self.data, other.data, self.indices))

    def apply(self, name: str) -> Jet:
        """An activation (``"tanh"``, ``"sin"``, ``"cos"``, ``"swish"``) of every value."""
        if self.indices == VALUE:
            return self.with_data(activation(name)(self.data, 0)[0])
        return self.with_data(_Elementwise.apply(self.data, name, self.indices))

    def linear(
        self, weight: Tensor, bias: Tensor | None, rule: Callable[[Tensor, Tensor], ParameterGradients] | None = None
    ) -> Jet:
        """The affine map with ``weight`` (v, w) and ``bias`` (v,).

        Args:
            weight: effective weight, which may have been computed from parameters.
            bias: effective bias.
            rule: for the tape: maps per-point gradients of weight (n, v, w) and bias (n, v) to parameters' rows.
                None means that the map has no parameters.
        """
        if self.tape is not None:
            weight, bias = weight.detach(), None if bias is None else bias.detach()
        if self.indices == VALUE:
            output = nn.functional.linear(self.data, weight, bias)
        else:
            output = _Linear.apply(self.data, weight, bias)
        if self.tape is not None and rule is not None:
            inputs = self.data.detach()

            def rows(cotangent: Tensor) -> ParameterGradients:
                return rule(torch.bmm(cotangent.permute(1, 2, 0), inputs.transpose(0, 1)), cotangent[0])

            output = self.tape.record(output, rows)
        return self.with_data(output)

    def concatenate(self, *others: Jet) -> Jet:
        """Side by side along the values."""
        return self.with_data(torch.cat([self.data, *(o.data for o in others)], dim=2))

    def select(self, columns: list[int]) -> Jet:
        """Some of the values."""
        # slices, as a list of indices would be copied to the device
        return self.with_data(torch.cat([self.data[:, :, i : i + 1] for i in columns], dim=2))


def _matmul(a: Tensor, b: Tensor) -> Tensor:
    """Multiply a (k, w) by b (w, v).

    NumPy's OpenBLAS does thin products 1.3 to 1.7 times as fast as torch's MKL on AMD processors.
    """
    if a.device.type == "cpu" and not torch.compiler.is_compiling():
        return torch.from_numpy(a.detach().numpy() @ b.detach().numpy())
    return a @ b


class _Linear(torch.autograd.Function):
    """(c, n, w) -> (c, n, v): one GEMM for all derivatives; the bias enters the values only."""

    @staticmethod
    def forward(ctx: Any, data: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(data, weight)
        output = _matmul(data.reshape(-1, data.shape[2]), weight.T).view(*data.shape[:2], -1)
        if bias is not None:
            output[0] += bias
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, cotangent: Tensor) -> Any:
        data, weight = ctx.saved_tensors
        need_data, need_weight, need_bias = ctx.needs_input_grad
        flat = cotangent.reshape(-1, cotangent.shape[2])
        return (
            _matmul(flat, weight).view(*cotangent.shape[:2], -1) if need_data else None,
            _matmul(flat.T, data.reshape(-1, data.shape[2])) if need_weight else None,
            cotangent[0].sum(0) if need_bias else None,
        )


class _Elementwise(torch.autograd.Function):
    """f(a) by Faa di Bruno: y_i = sum over partitions of f^(k)(a_0) times a product of k derivatives of a."""

    @staticmethod
    def forward(ctx: Any, data: Tensor, name: str, indices: Indices) -> Tensor:
        table = faa_di_bruno(indices)
        f, a = activation(name), data.unbind()
        basis = (f.plain_basis or f.basis)(a[0])
        order = len(indices[-1])
        s = f.derivatives(basis, order)
        output = torch.empty_like(data)
        y = output.unbind()
        y[0].copy_(s[0])
        for i, terms in enumerate(table[1:], 1):
            torch.mul(a[i], s[1], out=y[i])
            for coefficient, blocks in terms:
                if len(blocks) > 1:
                    y[i].addcmul_(s[len(blocks)], _product(a, blocks), value=coefficient)
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(data, *basis)
            ctx.derivatives, ctx.order, ctx.table = f.derivatives, order, table
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, cotangent: Tensor) -> Any:
        data, *basis = ctx.saved_tensors
        # one more than the forward pass uses: f^(k) is differentiated too
        s = ctx.derivatives(basis, ctx.order + 1)
        gradient = torch.empty_like(data)
        a, c, g = data.unbind(), cotangent.unbind(), gradient.unbind()
        for i in range(len(a)):
            torch.mul(c[i], s[1], out=g[i])
        # derivative of every term by a_0 (through f^(k)), gathered per order k before one product with f^(k+1)
        through: dict[int, Tensor] = {}
        for i, terms in enumerate(ctx.table):
            for coefficient, blocks in terms:
                k = len(blocks)
                if k > 1:
                    by_order = c[i] * s[k]
                    for block in dict.fromkeys(blocks):
                        others = list(blocks)
                        others.remove(block)
                        g[block].addcmul_(by_order, _product(a, others), value=coefficient * blocks.count(block))
                product = _product(a, blocks)
                if k in through:
                    through[k].addcmul_(c[i], product, value=coefficient)
                else:
                    through[k] = c[i] * product if coefficient == 1 else (c[i] * product).mul_(coefficient)
        for k, total in through.items():
            g[0].addcmul_(s[k + 1], total)
        return gradient, None, None


def _product(a: Sequence[Tensor], blocks: Sequence[int]) -> Tensor:
    result = a[blocks[0]]
    for block in blocks[1:]:
        result = result * a[block]
    return result


class _Product(torch.autograd.Function):
    """Leibniz' rule, (c, n, w) times (c, n, w)."""

    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor, indices: Indices) -> Tensor:
        ctx.save_for_backward(left, right)
        ctx.table = leibniz(indices)
        output = torch.empty_like(left)
        torch.mul(left, right[0], out=output)
        for i, terms in enumerate(ctx.table):
            for coefficient, a, b in terms:
                if b != 0:
                    output[i].addcmul_(left[a], right[b], value=coefficient)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, cotangent: Tensor) -> Any:
        left, right = ctx.saved_tensors
        by_left = cotangent * right[0]
        # as wide as the cotangent: of a factor that was broadcast, autograd adds up the columns
        by_right = cotangent * left[0]
        for i, terms in enumerate(ctx.table):
            for coefficient, a, b in terms:
                if b != 0:
                    by_left[a].addcmul_(cotangent[i], right[b], value=coefficient)
                if a != 0:
                    by_right[b].addcmul_(cotangent[i], left[a], value=coefficient)
        return by_left, by_right, None
