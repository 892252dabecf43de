//! Building a function instruction by instruction.

use smallvec::SmallVec;

use super::function::{
    AllReduce, Argument, Binary, ComparisonDirection, Dims, ElementType, Function, Id, Instruction, InstructionKind, Reduction,
    Type, Unary,
};

/// A function in the making. Operands are values of it, and their types fit: the contract has
/// checked them.
#[derive(Default)]
pub struct FunctionBuilder {
    function: Function,
}

impl FunctionBuilder {
    /// The function, with these results.
    #[must_use]
    pub fn finish(mut self, results: Vec<Id>, gives: &[(usize, usize)]) -> Function {
        for &(argument, result) in gives {
            if let Some(argument) = self.function.arguments.get_mut(argument) {
                argument.gives = Some(result);
            }
        }
        self.function.results = results;
        self.function
    }

    /// The type of a value.
    #[must_use]
    pub fn ty(&self, id: Id) -> &Type {
        self.function.ty(id)
    }

    /// The extents of a value.
    #[must_use]
    pub fn dims(&self, id: Id) -> Dims {
        self.ty(id).dims.clone()
    }

    /// The element type of a value.
    #[must_use]
    pub fn element(&self, id: Id) -> ElementType {
        self.ty(id).element
    }

    fn value(&mut self, element: ElementType, dims: &[usize]) -> Id {
        self.function.types.push(Type::new(element, dims));
        Id(self.function.types.len() as u32 - 1)
    }

    /// One more argument.
    pub fn argument(&mut self, element: ElementType, dims: &[usize]) -> Id {
        let id = self.value(element, dims);
        self.function.arguments.push(Argument { id, gives: None });
        id
    }

    fn push(&mut self, kind: InstructionKind, operands: &[Id], element: ElementType, dims: &[usize]) -> Id {
        let result = self.value(element, dims);
        self.function.body.push(Instruction { kind, operands: SmallVec::from_slice(operands), result });
        result
    }

    /// A scalar of these bits.
    pub fn bits(&mut self, element: ElementType, bits: u64) -> Id {
        self.push(InstructionKind::Constant(bits), &[], element, &[])
    }

    /// A scalar.
    pub fn constant(&mut self, element: ElementType, value: f64) -> Id {
        self.bits(element, element.bits(value))
    }

    /// A tensor of one value.
    pub fn filled(&mut self, element: ElementType, value: f64, dims: &[usize]) -> Id {
        let scalar = self.constant(element, value);
        self.broadcast(scalar, dims)
    }

    /// A tensor without elements.
    pub fn empty(&mut self, element: ElementType, dims: &[usize]) -> Id {
        self.push(InstructionKind::Constant(0), &[], element, dims)
    }

    /// `f(x)`.
    pub fn unary(&mut self, function: Unary, x: Id) -> Id {
        let ty = self.ty(x).clone();
        self.push(InstructionKind::Unary(function), &[x], ty.element, &ty.dims)
    }

    /// `f(a, b)`, of which either may be a scalar.
    pub fn binary(&mut self, function: Binary, a: Id, b: Id) -> Id {
        let (a, b) = self.together(a, b);
        let ty = self.ty(a).clone();
        self.push(InstructionKind::Binary(function), &[a, b], ty.element, &ty.dims)
    }

    /// Where a comparison holds; either operand may be a scalar.
    pub fn compare(&mut self, comparison: ComparisonDirection, a: Id, b: Id) -> Id {
        let (a, b) = self.together(a, b);
        let dims = self.dims(a);
        self.push(InstructionKind::Compare(comparison), &[a, b], ElementType::I1, &dims)
    }

    /// `condition ? a : b`, of which each choice may be a scalar.
    pub fn select(&mut self, condition: Id, a: Id, b: Id) -> Id {
        let dims = self.dims(condition);
        let (a, b) = (self.broadcast(a, &dims), self.broadcast(b, &dims));
        let element = self.element(a);
        self.push(InstructionKind::Select, &[condition, a, b], element, &dims)
    }

    /// Both in the shape of the one that is no scalar.
    fn together(&mut self, a: Id, b: Id) -> (Id, Id) {
        let dims = if self.ty(a).dims.len() >= self.ty(b).dims.len() { self.dims(a) } else { self.dims(b) };
        (self.broadcast(a, &dims), self.broadcast(b, &dims))
    }

    /// In another element type, by the plugin's own rules.
    pub fn convert(&mut self, x: Id, element: ElementType) -> Id {
        if self.element(x) == element {
            return x;
        }
        let dims = self.dims(x);
        self.push(InstructionKind::Convert, &[x], element, &dims)
    }

    /// Floats in the type that sums are computed in.
    pub fn wide(&mut self, x: Id) -> Id {
        self.convert(x, self.element(x).accumulator())
    }

    /// The same elements in another shape.
    pub fn reshape(&mut self, x: Id, dims: &[usize]) -> Id {
        if self.ty(x).dims.as_slice() == dims {
            return x;
        }
        self.push(InstructionKind::Reshape, &[x], self.element(x), dims)
    }

    /// NumPy's broadcasting.
    pub fn broadcast(&mut self, x: Id, dims: &[usize]) -> Id {
        let rank = self.ty(x).dims.len();
        if self.ty(x).dims.as_slice() == dims {
            return x;
        }
        let own: Dims = (dims.len().saturating_sub(rank)..dims.len()).collect();
        self.push(InstructionKind::Broadcast { dims: own }, &[x], self.element(x), dims)
    }

    /// Dimension `i` of the result is dimension `order[i]` of `x`.
    pub fn transpose(&mut self, x: Id, order: &[usize]) -> Id {
        let dims = self.dims(x);
        let dims: Dims = order.iter().map(|&dim| dims[dim]).collect();
        self.push(InstructionKind::Transpose { dims: Dims::from_slice(order) }, &[x], self.element(x), &dims)
    }

    /// The index along a dimension.
    pub fn iota(&mut self, element: ElementType, dims: &[usize], dim: usize) -> Id {
        self.push(InstructionKind::Iota { dim }, &[], element, dims)
    }

    /// `len` indices of a dimension.
    pub fn slice(&mut self, x: Id, dim: usize, first: usize, len: usize) -> Id {
        let whole = self.dims(x);
        if first == 0 && whole[dim] == len {
            return x;
        }
        let (mut start, mut limit) = (Dims::from_elem(0, whole.len()), whole.clone());
        (start[dim], limit[dim]) = (first, first + len);
        let mut dims = whole;
        dims[dim] = len;
        self.push(InstructionKind::Slice { start, limit }, &[x], self.element(x), &dims)
    }

    /// `base` with `update` written at `starts`, a scalar for each dimension.
    pub fn update(&mut self, base: Id, update: Id, starts: &[Id]) -> Id {
        let ty = self.ty(base).clone();
        self.push(InstructionKind::DynamicUpdateSlice, &[&[base, update], starts].concat(), ty.element, &ty.dims)
    }

    /// Joined in a dimension, whose extents add up to `dims[dim]`.
    pub fn concatenate(&mut self, parts: &[Id], dim: usize, dims: &[usize]) -> Id {
        match parts {
            [one] => *one,
            [first, ..] => self.push(InstructionKind::Concatenate { dim }, parts, self.element(*first), dims),
            // Everything that was joined is empty; so is the result.
            [] => self.empty(ElementType::F32, dims),
        }
    }

    /// Reduced over dimensions, which go.
    pub fn reduce(&mut self, reduction: Reduction, x: Id, init: Id, over: &[usize]) -> Id {
        let ty = self.ty(x).clone();
        let kept: Dims = (0..ty.dims.len()).filter(|dim| !over.contains(dim)).map(|dim| ty.dims[dim]).collect();
        self.push(InstructionKind::Reduce { reduction, dims: Dims::from_slice(over) }, &[x, init], ty.element, &kept)
    }

    /// A product over dimension `left` of `a` and `right` of `b`, of batches of matrices, in the
    /// accumulator type.
    pub fn dot(&mut self, a: Id, b: Id, (left, right): (usize, usize), dims: &[usize]) -> Id {
        let batch = dims.len().saturating_sub(2);
        self.push(InstructionKind::Dot { batch, left, right }, &[a, b], self.element(a).accumulator(), dims)
    }

    /// Rows of a table.
    pub fn gather_rows(&mut self, table: Id, ids: Id) -> Id {
        let dims = [self.ty(ids).count(), self.dims(table).last().copied().unwrap_or(1)];
        self.push(InstructionKind::GatherRows, &[table, ids], self.element(table), &dims)
    }

    /// Rows added to those of `base` at `ids`.
    pub fn scatter_rows(&mut self, base: Id, ids: Id, rows: Id) -> Id {
        let ty = self.ty(base).clone();
        self.push(InstructionKind::ScatterRows, &[base, ids, rows], ty.element, &ty.dims)
    }

    /// The sum over all devices.
    pub fn all_reduce(&mut self, x: Id, replicas: usize) -> Id {
        let ty = self.ty(x).clone();
        self.push(InstructionKind::AllReduce(AllReduce { replicas }), &[x], ty.element, &ty.dims)
    }
}
