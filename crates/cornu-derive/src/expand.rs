//! What the macros write.
use crate::field::Argument;
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Fields, Ident, ItemStruct, LitStr, Result, Token};

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Config,
    Layer,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Config => "config",
            Kind::Layer => "layer",
        }
    }
}

/// What stands in the parentheses of the attribute.
struct Package {
    module: LitStr,
    /// The keys that are written, if not those of the fields in their order.
    order: Option<Vec<Ident>>,
}

impl Parse for Package {
    fn parse(input: ParseStream) -> Result<Self> {
        let module = input.parse()?;
        if input.is_empty() {
            return Ok(Package { module, order: None });
        }
        input.parse::<Token![,]>()?;
        let word: Ident = input.parse()?;
        if word != "order" {
            return Err(Error::new(word.span(), "expected `order(key, ..)`"));
        }
        let list;
        syn::parenthesized!(list in input);
        let order = Punctuated::<Ident, Token![,]>::parse_terminated(&list)?;
        Ok(Package { module, order: Some(order.into_iter().collect()) })
    }
}

/// Arguments that `#[layer]` adds.
const OF_LAYERS: [&str; 4] = ["base", "name", "trainable", "dtype"];

pub fn expand(package: TokenStream, item: TokenStream, kind: Kind) -> Result<TokenStream> {
    let usage = || {
        let kind = kind.name();
        format!(
            "`#[{kind}(\"package\")]` needs the package the class is saved under, as in `#[{kind}(\"my_package\")]`"
        )
    };
    if package.is_empty() {
        return Err(Error::new(Span::call_site(), usage()));
    }
    let package: Package = syn::parse2(package)?;
    let mut item: ItemStruct = syn::parse2(item)
        .map_err(|e| Error::new(e.span(), format!("`#[{}]` goes on a struct: {e}", kind.name())))?;
    if !item.generics.params.is_empty() {
        return Err(Error::new_spanned(&item.generics, "a saved class has no type parameters"));
    }
    if let Fields::Unnamed(fields) = &item.fields {
        return Err(Error::new_spanned(fields, "fields are keyword arguments: they need names"));
    }
    if matches!(item.fields, Fields::Unit) {
        item.fields = Fields::Named(syn::parse_quote!({}));
        item.semi_token = None;
    }
    let arguments = item.fields.iter_mut().map(Argument::take).collect::<Result<Vec<_>>>()?;
    if kind == Kind::Layer {
        if let Some(argument) = arguments.iter().find(|a| OF_LAYERS.contains(&a.key.as_str())) {
            let message = format!("every layer has `{}` already; remove it", argument.key);
            return Err(Error::new_spanned(&argument.name, message));
        }
        if let Fields::Named(fields) = &mut item.fields {
            fields.named.insert(0, syn::parse_quote!(base: ::cornu::layers::LayerBase));
        }
    }
    let parts = [
        quote! {
            #[derive(Clone, Debug, PartialEq)]
            #item
        },
        constructor(&item, &arguments, kind),
        setters(&item, &arguments, kind),
        object(&item, &package.module),
        serialize(&item, &arguments, package.order.as_deref(), kind)?,
        deserialize(&item, &arguments, kind),
        if kind == Kind::Layer { has_base(&item, &arguments) } else { quote!() },
    ];
    Ok(quote!(#(#parts)*))
}

fn constructor(item: &ItemStruct, arguments: &[Argument], kind: Kind) -> TokenStream {
    let (ident, vis) = (&item.ident, &item.vis);
    let required: Vec<&Argument> = arguments.iter().filter(|a| a.default.is_none()).collect();
    let parameters = required.iter().map(|a| a.parameter());
    let fields = arguments.iter().map(|a| {
        let name = &a.name;
        let value = a.default.as_ref().map_or_else(|| a.parameter_value(), |d| a.default_value(d));
        quote!(#name: #value)
    });
    let base = (kind == Kind::Layer).then(|| quote!(base: ::cornu::layers::LayerBase::new(),));
    let doc = if required.is_empty() {
        format!("`{ident}` with the defaults of Keras.")
    } else {
        let names: Vec<String> = required.iter().map(|a| format!("`{}`", a.key)).collect();
        format!("`{ident}` with {}, and the defaults of Keras for the rest.", names.join(", "))
    };
    let default = required.is_empty().then(|| {
        quote! {
            impl ::core::default::Default for #ident {
                fn default() -> Self { Self::new() }
            }
        }
    });
    quote! {
        impl #ident {
            #[doc = #doc]
            #[allow(clippy::too_many_arguments)]
            #vis fn new(#(#parameters),*) -> Self {
                Self { #base #(#fields,)* }
            }
        }
        #default
    }
}

fn setters(item: &ItemStruct, arguments: &[Argument], kind: Kind) -> TokenStream {
    let (ident, vis) = (&item.ident, &item.vis);
    let own = arguments.iter().filter(|a| a.default.is_some() && !a.no_setter).map(|a| {
        let (name, docs, parameter, value) = (&a.name, &a.docs, a.parameter(), a.parameter_value());
        quote! {
            #(#docs)*
            #[must_use]
            #vis fn #name(mut self, #parameter) -> Self {
                self.#name = #value;
                self
            }
        }
    });
    let shared = (kind == Kind::Layer).then(|| {
        let activity_regularizer = (!has_activity_regularizer(arguments)).then(|| {
            quote! {
                /// Adds to the loss for each output of this layer.
                #[must_use]
                #vis fn activity_regularizer(
                    mut self,
                    activity_regularizer: impl ::core::convert::Into<::cornu::regularizers::Regularizer>,
                ) -> Self {
                    self.base.activity_regularizer = ::core::option::Option::Some(activity_regularizer.into());
                    self
                }
            }
        });
        quote! {
            /// Name of this layer, unique within a model; when not given, made from the class and a number.
            #[must_use]
            #vis fn name(mut self, name: impl ::core::convert::Into<::std::string::String>) -> Self {
                self.base.name = ::core::option::Option::Some(name.into());
                self
            }
            /// Whether the optimizer updates the weights of this layer.
            #[must_use]
            #vis fn trainable(mut self, trainable: bool) -> Self {
                self.base.trainable = trainable;
                self
            }
            /// In which dtype to compute and keep weights: `"float32"`, `"mixed_bfloat16"`, ...
            #[must_use]
            #vis fn dtype(mut self, dtype: impl ::core::convert::Into<::cornu::DTypePolicy>) -> Self {
                self.base.dtype = dtype.into();
                self
            }
            #activity_regularizer
        }
    });
    quote!(impl #ident { #shared #(#own)* })
}

fn has_activity_regularizer(arguments: &[Argument]) -> bool {
    arguments.iter().any(|a| a.key == "activity_regularizer")
}

fn object(item: &ItemStruct, module: &LitStr) -> TokenStream {
    let (ident, class) = (&item.ident, item.ident.to_string());
    quote! {
        impl ::cornu::object::KerasObject for #ident {
            const MODULE: &'static str = #module;
            const CLASS_NAME: &'static str = #class;
        }
    }
}

fn serialize(
    item: &ItemStruct,
    arguments: &[Argument],
    order: Option<&[Ident]>,
    kind: Kind,
) -> Result<TokenStream> {
    let ident = &item.ident;
    let has_own = has_activity_regularizer(arguments);
    let class = quote!(<Self as ::cornu::object::KerasObject>::CLASS_NAME);
    let entries = match order {
        Some(order) => order.iter().map(|key| ordered_entry(arguments, key, kind)).collect::<Result<_>>()?,
        None => arguments.iter().map(entry).collect::<Vec<_>>(),
    };
    let base = (kind == Kind::Layer && order.is_none())
        .then(|| quote!(::cornu::__private::write_base(&self.base, #class, #has_own, &mut map)?;));
    Ok(quote! {
        impl ::cornu::__private::serde::Serialize for #ident {
            fn serialize<S: ::cornu::__private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                #[allow(unused_imports)]
                use ::cornu::__private::serde::ser::SerializeMap as _;
                #[allow(unused_mut)]
                let mut map = ::cornu::__private::serde::Serializer::serialize_map(serializer, None)?;
                #base
                #(#entries)*
                map.end()
            }
        }
    })
}

/// Writes one field.
fn entry(a: &Argument) -> TokenStream {
    let (name, key) = (&a.name, &a.key);
    if a.unsaved {
        return quote!();
    }
    let entry = match &a.save_as {
        None if is_number(&a.ty) => quote! {
            map.serialize_entry(#key, &::cornu::__private::SavedNumber::from(self.#name))?;
        },
        None => quote!(map.serialize_entry(#key, &self.#name)?;),
        Some(ty) => quote! {
            map.serialize_entry(#key, &<#ty as ::core::convert::From<_>>::from(self.#name.clone()))?;
        },
    };
    match a.default.as_ref().filter(|_| a.omit_default) {
        None => entry,
        Some(default) => {
            let default = a.default_value(default);
            quote!(if self.#name != #default { #entry })
        }
    }
}

/// Whether this is a float, or an option of one: it may be infinite or NaN, for which JSON has no form.
fn is_number(ty: &syn::Type) -> bool {
    let text = quote!(#ty).to_string();
    text == "f64" || text == "Option < f64 >"
}

/// Writes a field or an argument of all layers, by its key.
fn ordered_entry(arguments: &[Argument], key: &Ident, kind: Kind) -> Result<TokenStream> {
    if let Some(argument) = arguments.iter().find(|a| a.name == *key) {
        return Ok(entry(argument));
    }
    let class = quote!(<Self as ::cornu::object::KerasObject>::CLASS_NAME);
    Ok(match key.to_string().as_str() {
        "name" if kind == Kind::Layer => {
            quote!(map.serialize_entry("name", self.base.resolved_name(#class))?;)
        }
        "trainable" if kind == Kind::Layer => {
            quote!(map.serialize_entry("trainable", &self.base.trainable)?;)
        }
        "dtype" if kind == Kind::Layer => quote!(map.serialize_entry("dtype", &self.base.dtype)?;),
        "dtype_name" if kind == Kind::Layer => quote!(map.serialize_entry("dtype", self.base.dtype.name())?;),
        _ => return Err(Error::new(key.span(), format!("no field is called `{key}`"))),
    })
}

/// Starts with the defaults and puts what is in the config in their places: that is a call a field, where values on their way
/// into a struct would each have code to be dropped when a later one is wrong.
fn deserialize(item: &ItemStruct, arguments: &[Argument], kind: Kind) -> TokenStream {
    let (ident, class) = (&item.ident, item.ident.to_string());
    let start = arguments.iter().map(|a| {
        let (name, key, ty) = (&a.name, &a.key, &a.ty);
        let value = match (&a.default, &a.save_as) {
            (Some(default), _) => a.default_value(default),
            (None, None) => quote!(fields.required::<#ty, D::Error>(#key)?),
            (None, Some(saved)) => {
                quote!(<#ty as ::core::convert::From<_>>::from(fields.required::<#saved, D::Error>(#key)?))
            }
        };
        quote!(#name: #value)
    });
    let given = arguments.iter().filter(|a| a.default.is_some() && !a.unsaved).map(|a| {
        let (name, key, ty) = (&a.name, &a.key, &a.ty);
        match &a.save_as {
            None => quote!(fields.replace::<#ty, D::Error>(#key, &mut this.#name)?;),
            Some(saved) => quote! {
                if let ::core::option::Option::Some(value) = fields.optional::<#saved, D::Error>(#key)? {
                    this.#name = <#ty as ::core::convert::From<_>>::from(value);
                }
            },
        }
    });
    let has_own = has_activity_regularizer(arguments);
    let base = (kind == Kind::Layer).then(|| quote!(base: fields.base::<D::Error>(#has_own)?,));
    let keys = arguments.iter().filter(|a| !a.unsaved).map(|a| &a.key);
    let is_layer = kind == Kind::Layer;
    quote! {
        impl<'de> ::cornu::__private::serde::Deserialize<'de> for #ident {
            fn deserialize<D: ::cornu::__private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                #[allow(unused_mut)]
                let mut fields = ::cornu::__private::Fields::read(#class, deserializer)?;
                #[allow(unused_mut)]
                let mut this = Self { #base #(#start,)* };
                #(#given)*
                fields.finish::<D::Error>(&[#(#keys),*], #is_layer)?;
                ::core::result::Result::Ok(this)
            }
        }
    }
}

fn has_base(item: &ItemStruct, arguments: &[Argument]) -> TokenStream {
    let ident = &item.ident;
    let activity_regularizer = has_activity_regularizer(arguments).then(|| {
        quote! {
            fn activity_regularizer(&self) -> ::core::option::Option<&::cornu::regularizers::Regularizer> {
                self.activity_regularizer.as_ref()
            }
        }
    });
    quote! {
        impl ::cornu::layers::HasBase for #ident {
            fn base(&self) -> &::cornu::layers::LayerBase { &self.base }
            fn base_mut(&mut self) -> &mut ::cornu::layers::LayerBase { &mut self.base }
            #activity_regularizer
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(module: TokenStream, item: TokenStream, kind: Kind) -> String {
        match expand(module, item, kind) {
            Ok(written) => panic!("no error, but {written}"),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn misuse_is_explained() {
        let cases = [
            (
                error(
                    quote!(),
                    quote!(
                        pub struct A {}
                    ),
                    Kind::Config,
                ),
                "`#[config(\"package\")]` needs the package the class is saved under, as in `#[config(\"my_package\")]`",
            ),
            (
                error(
                    quote!("a"),
                    quote!(
                        pub struct A(usize);
                    ),
                    Kind::Config,
                ),
                "fields are keyword arguments: they need names",
            ),
            (
                error(
                    quote!("a"),
                    quote!(
                        pub struct A<T> {
                            pub x: T,
                        }
                    ),
                    Kind::Config,
                ),
                "a saved class has no type parameters",
            ),
            (
                error(
                    quote!("a"),
                    quote!(
                        pub struct A {
                            #[default]
                            pub x: f64,
                        }
                    ),
                    Kind::Config,
                ),
                "expected `#[default(value)]`: the default that Keras gives the argument",
            ),
            (
                error(
                    quote!("a"),
                    quote!(
                        pub struct A {
                            #[unsaved]
                            pub x: f64,
                        }
                    ),
                    Kind::Config,
                ),
                "what is not saved needs a default",
            ),
            (
                error(
                    quote!("a"),
                    quote!(
                        pub struct A {
                            #[default(1)]
                            #[default(2)]
                            pub x: i64,
                        }
                    ),
                    Kind::Config,
                ),
                "one default is enough",
            ),
            (
                error(
                    quote!("a"),
                    quote!(
                        pub struct A {
                            #[serde(skip)]
                            pub x: f64,
                        }
                    ),
                    Kind::Config,
                ),
                "the saved form is written by the macro; use `#[save_as(Type)]`",
            ),
            (
                error(
                    quote!("a"),
                    quote!(
                        pub struct A {
                            pub name: String,
                        }
                    ),
                    Kind::Layer,
                ),
                "every layer has `name` already; remove it",
            ),
            (
                error(
                    quote!("a"),
                    quote!(
                        pub enum A {}
                    ),
                    Kind::Layer,
                ),
                "`#[layer]` goes on a struct: expected `struct`",
            ),
        ];
        for (got, expected) in cases {
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn a_unit_struct_is_a_class_without_arguments() {
        assert!(
            expand(
                quote!("a"),
                quote!(
                    pub struct A;
                ),
                Kind::Layer
            )
            .is_ok()
        );
    }
}
