//! Logs of each epoch for a server.
use crate::callbacks::{Callback, Context};
use crate::training::Logs;
use cornu_graph::Result;

/// A server that does not answer for so many seconds is left alone until the next epoch.
const PATIENCE: u64 = 30;

/// Sends the values of each epoch to a server, by HTTP POST of JSON: in a form, or as it is. Keras's `RemoteMonitor`.
///
/// A server that cannot be reached is a warning on standard error; training goes on. `https` needs the feature `tls`.
///
/// ```
/// use cornu::prelude::*;
/// let callback = RemoteMonitor::new().root("http://localhost:9000").send_as_json(true);
/// # drop(callback);
/// ```
#[derive(Clone, Debug)]
pub struct RemoteMonitor {
    root: String,
    path: String,
    field: String,
    headers: Vec<(String, String)>,
    send_as_json: bool,
}

impl Default for RemoteMonitor {
    fn default() -> Self {
        RemoteMonitor {
            root: "http://localhost:9000".into(),
            path: "/publish/epoch/end/".into(),
            field: "data".into(),
            headers: vec![],
            send_as_json: false,
        }
    }
}

impl RemoteMonitor {
    /// Sends a form to `http://localhost:9000/publish/epoch/end/`, as in Keras.
    pub fn new() -> RemoteMonitor {
        RemoteMonitor::default()
    }

    /// The address of the server.
    pub fn root(mut self, root: impl Into<String>) -> Self {
        self.root = root.into();
        self
    }

    /// What comes after the root.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// The field of the form that holds the JSON.
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = field.into();
        self
    }

    /// Headers of the requests, names and values.
    pub fn headers<K: Into<String>, V: Into<String>>(
        mut self,
        headers: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.headers = headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        self
    }

    /// Whether to send JSON as it is, as `application/json`; false by default: in a form.
    pub fn send_as_json(mut self, send_as_json: bool) -> Self {
        self.send_as_json = send_as_json;
        self
    }

    /// What is sent, and of which type it is; JSON alone has no numbers that are not finite.
    fn body(&self, epoch: usize, logs: &Logs) -> Result<(String, &'static str), &'static str> {
        let finite = logs.lists().all(|(_, values)| values.iter().all(|v| v.is_finite()));
        if self.send_as_json {
            let json = json(epoch, logs);
            return if finite { Ok((json, "application/json")) } else { Err("JSON has no NaN or infinity") };
        }
        let form = format!("{}={}", quoted(&self.field), quoted(&json(epoch, logs)));
        Ok((form, "application/x-www-form-urlencoded"))
    }

    fn send(&self, epoch: usize, logs: &Logs) -> Result<(), String> {
        let (body, kind) = self.body(epoch, logs)?;
        let own_kind = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let mut request = minreq::post(format!("{}{}", self.root, self.path)).with_timeout(PATIENCE);
        if !own_kind {
            request = request.with_header("Content-Type", kind);
        }
        for (name, value) in &self.headers {
            request = request.with_header(name, value);
        }
        request.with_body(body).send().map(drop).map_err(|e| e.to_string())
    }
}

impl Callback for RemoteMonitor {
    fn watches_batches(&self) -> bool {
        false
    }

    fn on_epoch_end(&mut self, _: &mut Context, epoch: usize, logs: &mut Logs) -> Result<()> {
        if let Err(e) = self.send(epoch, logs) {
            eprintln!("warning: could not reach RemoteMonitor root server at {}: {e}", self.root);
        }
        Ok(())
    }
}

/// Epoch and values, as Python writes them.
fn json(epoch: usize, logs: &Logs) -> String {
    let number = |v: &f64| match v {
        v if v.is_nan() => "NaN".into(),
        v if v.is_infinite() => if *v > 0.0 { "Infinity" } else { "-Infinity" }.into(),
        v => serde_json::Value::from(*v).to_string(),
    };
    let value = |values: &[f64]| match values {
        [one] => number(one),
        several => format!("[{}]", several.iter().map(number).collect::<Vec<_>>().join(", ")),
    };
    let name = |name: &str| serde_json::Value::from(name).to_string();
    let values = logs.lists().map(|(n, values)| format!(", {}: {}", name(n), value(values)));
    format!("{{\"epoch\": {epoch}{}}}", values.collect::<String>())
}

/// As in a form of HTML.
fn quoted(text: &str) -> String {
    let quote = |byte: u8| match byte {
        b' ' => "+".to_string(),
        b if b.is_ascii_alphanumeric() || b"_.-~".contains(&b) => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    text.bytes().map(quote).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies() {
        let mut logs = Logs::new();
        logs.set("loss", 0.25);
        logs.set_list("per class", vec![1.0, f64::NAN]);
        let text = "{\"epoch\": 3, \"loss\": 0.25, \"per class\": [1.0, NaN]}";
        assert_eq!(json(3, &logs), text);
        assert!(RemoteMonitor::new().send_as_json(true).body(3, &logs).is_err());
        let (form, _) = RemoteMonitor::new().field("a b").body(3, &logs).unwrap();
        assert!(form.starts_with("a+b=%7B%22epoch%22%3A+3%2C+%22loss%22%3A+0.25%2C+"), "{form}");
    }
}
