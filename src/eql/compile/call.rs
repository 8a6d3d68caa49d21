//! Function calls, checked against the function table.

use super::operand::{Typed, shown};
use super::{Compiler, is_number, type_name};
use crate::eql::address;
use crate::eql::ast::Expr;
use crate::eql::functions::{self, Function, Parameter};
use crate::eql::record::{Scalar, Type};
use crate::eql::script::Op;
use crate::eql::span::{Span, Spanned};
use crate::eql::test::Test;

impl Compiler<'_> {
    pub(super) fn call(
        &mut self,
        name: &Spanned<String>,
        insensitive: bool,
        arguments: &[Expr],
        span: Span,
    ) -> Option<Typed> {
        let typed: Vec<Option<Typed>> = arguments.iter().map(|argument| self.operand(argument)).collect();
        let function = self.function(name)?;
        if insensitive && !function.insensitive {
            let message = format!("`{}` has no form that ignores case", function.name);
            self.refuse_with_help(name.span, message, format!("write `{}(…)` without `~`", function.name));
        }
        if !self.arity_is_right(function, arguments.len(), span) {
            return None;
        }
        let typed = typed.into_iter().collect::<Option<Vec<Typed>>>()?;
        let mut right = true;
        for (index, argument) in typed.iter().enumerate() {
            let parameter = function.parameters.get(index).or(function.parameters.last())?;
            right &= self.argument_is_right(function, *parameter, argument);
        }
        if !right {
            return None;
        }
        // PruneCast: the text of a text is itself, so the condition stays one on the field.
        if function.name == "string"
            && typed.first().is_some_and(|argument| argument.kind == Some(Type::Keyword))
        {
            return typed.into_iter().next().map(|argument| Typed { span, ..argument });
        }
        Some(Typed { op: call_op(function, insensitive, typed).folded(), kind: Some(function.result), span })
    }

    fn function(&mut self, name: &Spanned<String>) -> Option<&'static Function> {
        let found = functions::find(&name.node);
        if found.is_none() {
            let help = match (gone(&name.node), functions::nearest(&name.node)) {
                (Some(instead), _) => instead.to_owned(),
                (None, Some(near)) => format!("did you mean `{near}`?"),
                (None, None) => {
                    let names: Vec<&str> = functions::TABLE.iter().map(|function| function.name).collect();
                    format!("the functions are {}", names.join(", "))
                }
            };
            self.refuse_with_help(name.span, format!("unknown function `{}`", name.node), help);
        }
        found
    }

    fn arity_is_right(&mut self, function: &Function, given: usize, span: Span) -> bool {
        let most = if function.variadic { usize::MAX } else { function.parameters.len() };
        if (function.required..=most).contains(&given) {
            return true;
        }
        let expected = match (function.required, most) {
            (least, usize::MAX) => format!("{least} or more"),
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least} to {most}"),
        };
        self.refuse(span, format!("`{}` takes {expected} arguments, not {given}", function.name));
        false
    }

    fn argument_is_right(&mut self, function: &Function, parameter: Parameter, argument: &Typed) -> bool {
        if argument.kind == Some(Type::Text) {
            return self.refuse_text::<()>(argument).is_some();
        }
        let right = match (parameter, argument.constant()) {
            (Parameter::Flag, constant) => matches!(constant, Some(Some(Scalar::Bool(_)))),
            (Parameter::Block, Some(Some(Scalar::Str(text)))) => address::parse_block(text).is_some(),
            (Parameter::Block, _) => false,
            (Parameter::Any, _) => true,
            (_, Some(None)) => true,
            (Parameter::Text, _) => argument.kind == Some(Type::Keyword),
            (Parameter::Number, _) => is_number(argument.kind),
            (Parameter::Address, _) => argument.kind == Some(Type::Ip),
        };
        if !right {
            let given = match argument.constant() {
                Some(Some(constant)) => shown(constant),
                _ => format!("{} is {}", argument.called(), type_name(argument.kind)),
            };
            self.refuse_with_help(
                argument.span,
                format!("`{}` needs {} here; {given}", function.name, parameter.wanted()),
                help(parameter),
            );
        }
        right
    }
}

fn help(parameter: Parameter) -> &'static str {
    match parameter {
        Parameter::Text => "`string(…)` turns any value into a string",
        Parameter::Number => "`number(…)` reads a number from a string",
        Parameter::Address => "only fields mapped as `ip` hold addresses",
        Parameter::Flag => "write `true` or `false`",
        Parameter::Block => "write it in double quotes",
        Parameter::Any => "any value will do",
    }
}

/// The call with absent optional arguments as null. `cidrMatch` is a test: its blocks are compiled once.
fn call_op(function: &'static Function, insensitive: bool, arguments: Vec<Typed>) -> Op {
    let mut ops: Vec<Op> = arguments.into_iter().map(|argument| argument.op).collect();
    if function.parameters.contains(&Parameter::Block) {
        let blocks = ops
            .split_off(1.min(ops.len()))
            .into_iter()
            .filter_map(|op| match op {
                Op::Constant(Some(Scalar::Str(text))) => address::parse_block(&text),
                _ => None,
            })
            .collect();
        if let Some(subject) = ops.pop() {
            return Op::Test { subject: Box::new(subject), test: Test::Addresses(blocks), lower: false };
        }
    }
    while ops.len() < function.parameters.len() {
        ops.push(Op::Constant(None));
    }
    Op::Call { function, insensitive, arguments: ops }
}

/// What replaces a function of older or other EQL dialects.
fn gone(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "wildcard" => "use `field : (\"…\")` or `field like (\"…\")`",
        "match" | "matchlite" => "use `field regex (\"…\")`",
        "arraycontains" | "arraysearch" | "arraycount" => {
            "a condition on an array holds when any value satisfies it: use `field : \"…\"`"
        }
        "safe" => "leave it out: a condition on a missing field is false by itself",
        _ => return None,
    })
}
