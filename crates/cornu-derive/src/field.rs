//! One field of a config: its attributes, and how its type is passed.
use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Attribute, Error, Expr, Field, GenericArgument, Ident, PathArguments, Result, Type};

/// A field with what its attributes say.
pub struct Argument {
    pub name: Ident,
    /// Key in the saved form.
    pub key: String,
    pub ty: Type,
    pub docs: Vec<Attribute>,
    /// `None`: required.
    pub default: Option<Expr>,
    pub save_as: Option<Type>,
    pub omit_default: bool,
    /// Not a part of the saved form: Keras takes it and does not save it.
    pub unsaved: bool,
    /// Keras writes it, and nobody gives it.
    pub no_setter: bool,
}

impl Argument {
    /// Reads a field and removes the attributes that are ours.
    pub fn take(field: &mut Field) -> Result<Argument> {
        let name = field.ident.clone().ok_or_else(|| Error::new_spanned(&*field, "fields need names"))?;
        let mut argument = Argument {
            key: name.unraw().to_string(),
            name,
            ty: field.ty.clone(),
            docs: vec![],
            default: None,
            save_as: None,
            omit_default: false,
            unsaved: false,
            no_setter: false,
        };
        let mut kept = vec![];
        for attribute in field.attrs.drain(..) {
            if attribute.path().is_ident("default") {
                let parsed = attribute.parse_args().map_err(|e| {
                    Error::new(
                        e.span(),
                        "expected `#[default(value)]`: the default that Keras gives the argument",
                    )
                })?;
                if argument.default.replace(parsed).is_some() {
                    return Err(Error::new_spanned(attribute, "one default is enough"));
                }
            } else if attribute.path().is_ident("save_as") {
                argument.save_as = Some(attribute.parse_args()?);
            } else if attribute.path().is_ident("omit_default") {
                attribute.meta.require_path_only()?;
                argument.omit_default = true;
            } else if attribute.path().is_ident("unsaved") {
                attribute.meta.require_path_only()?;
                argument.unsaved = true;
            } else if attribute.path().is_ident("no_setter") {
                attribute.meta.require_path_only()?;
                argument.no_setter = true;
            } else if attribute.path().is_ident("serde") {
                let message = "the saved form is written by the macro; use `#[save_as(Type)]`";
                return Err(Error::new_spanned(attribute, message));
            } else {
                if attribute.path().is_ident("doc") {
                    argument.docs.push(attribute.clone());
                }
                kept.push(attribute);
            }
        }
        field.attrs = kept;
        if argument.unsaved && argument.default.is_none() {
            return Err(Error::new_spanned(&argument.name, "what is not saved needs a default"));
        }
        if argument.no_setter && argument.default.is_none() {
            return Err(Error::new_spanned(&argument.name, "what nobody gives needs a default"));
        }
        Ok(argument)
    }

    /// The parameter of `new` or of the setter.
    pub fn parameter(&self) -> TokenStream {
        let name = &self.name;
        let ty = option_of(&self.ty).unwrap_or(&self.ty);
        if is_plain(ty) { quote!(#name: #ty) } else { quote!(#name: impl ::core::convert::Into<#ty>) }
    }

    /// The parameter as a value of the field.
    pub fn parameter_value(&self) -> TokenStream {
        let name = &self.name;
        self.convert(quote!(#name))
    }

    /// The default as a value of the field.
    pub fn default_value(&self, default: &Expr) -> TokenStream {
        let is_none = matches!(default, Expr::Path(p) if p.path.is_ident("None"));
        if is_none { quote!(::core::option::Option::None) } else { self.convert(quote!(#default)) }
    }

    fn convert(&self, value: TokenStream) -> TokenStream {
        let inner = option_of(&self.ty).unwrap_or(&self.ty);
        let value =
            if is_plain(inner) { value } else { quote!(::core::convert::Into::<#inner>::into(#value)) };
        if option_of(&self.ty).is_some() { quote!(::core::option::Option::Some(#value)) } else { value }
    }
}

/// Numbers and bools.
fn is_plain(ty: &Type) -> bool {
    const PLAIN: [&str; 11] =
        ["bool", "usize", "u8", "u32", "u64", "isize", "i8", "i32", "i64", "f32", "f64"];
    matches!(ty, Type::Path(p) if PLAIN.iter().any(|plain| p.path.is_ident(plain)))
}

/// The `T` of `Option<T>`.
fn option_of(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last().filter(|s| s.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(inner)) => Some(inner),
        _ => None,
    }
}
