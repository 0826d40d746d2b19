//! Programs: the graph in the comments of a module, and who runs it.
use crate::state::Program;
use cornu_graph::{Tensor, text};

impl Program {
    /// The program of a module, whose attributes and compile options must agree. There are `devices` devices.
    pub fn parse(code: &str, options: &[u8], devices: usize) -> Result<Program, String> {
        let lines: Vec<&str> = code.lines().filter_map(|line| line.strip_prefix("// cornu: ")).collect();
        let graph = text::parse(&lines.join("\n")).map_err(|e| e.to_string())?;
        let head = code.lines().find(|line| line.contains("func.func public @main")).unwrap_or_default();
        let (arguments, results) = head.split_once(" -> ").unwrap_or_default();
        let arguments: Vec<&str> = arguments.split(": tensor<").skip(1).collect();
        let aliased = |(i, a): &(usize, &&str)| a.contains(&format!("tf.aliasing_output = {i} : i32"));
        let donated = arguments.iter().enumerate().take_while(aliased).count();
        if donated != graph.state || arguments.len() != graph.inputs.len() {
            return Err(format!("{donated} arguments of {} variables are aliased", graph.state));
        }

        let build = field(options, 3).ok_or("no build options")?;
        let parts = number(build, 5).ok_or("no number of parts")? as usize;
        let list = field(build, 9).map_or_else(|| vec![0], assigned);
        if list.len() != parts || list.iter().any(|&d| d >= devices) {
            return Err(format!("{parts} parts on devices {list:?} of {devices}"));
        }
        let (shared, spmd) = (parts > 1, number(build, 6) == Some(1));
        let said = [
            format!(
                "module @cornu attributes {{mhlo.num_partitions = {parts} : i32, mhlo.num_replicas = 1 : i32}}"
            ),
            format!("sdy.mesh @mesh = <[\"batch\"={parts}]>"),
        ];
        let says = said.iter().all(|line| code.contains(line));
        if shared != spmd || shared != (number(build, 19) == Some(1)) || shared != says {
            return Err("options and module differ in whether there are parts".into());
        }
        let axes = arguments.iter().map(|text| axis(text, parts)).collect::<Result<_, _>>()?;
        let whole =
            results.matches("#sdy.sharding<").count() == graph.outputs.len() && !results.contains("batch");
        if shared && !whole {
            return Err(format!("results are not whole: {results}"));
        }
        Ok(Program { graph, donated, devices: list, axes })
    }

    /// Argument `i` from its parts on the devices, whose shapes must be those of the parts.
    pub fn whole(&self, i: usize, parts: &[Tensor]) -> Result<Tensor, String> {
        let spec = self.graph.spec(self.graph.inputs[i]);
        let axis = self.axes[i].filter(|_| parts.len() > 1);
        let mut shape = spec.shape.to_vec();
        axis.into_iter().for_each(|a| shape[a] /= parts.len());
        if parts.iter().any(|p| p.shape() != shape || p.dtype() != spec.dtype) {
            return Err(format!("argument {i} comes as {:?} in place of {shape:?}", parts[0]));
        }
        let Some(axis) = axis else {
            let same = parts.iter().all(|p| p.bytes() == parts[0].bytes());
            return if same { Ok(parts[0].clone()) } else { Err(format!("argument {i} differs on devices")) };
        };
        let outer: usize = shape[..axis].iter().product();
        let size = parts[0].bytes().len() / outer.max(1);
        let rows =
            (0..outer).flat_map(|o| parts.iter().flat_map(move |p| &p.bytes()[o * size..(o + 1) * size]));
        let bytes: Vec<u8> = rows.copied().collect();
        let mut whole = Tensor::zeros(spec.shape.clone(), spec.dtype);
        whole.copy_from_bytes(&bytes).map_err(|e| e.to_string())?;
        Ok(whole)
    }

    /// As it is kept on disk.
    pub fn to_text(&self) -> String {
        let axes: Vec<String> = self.axes.iter().map(|a| a.map_or("-".into(), |a| a.to_string())).collect();
        let devices: Vec<String> = self.devices.iter().map(usize::to_string).collect();
        format!("mock {}\n{}\n{}\n{}", self.donated, devices.join(" "), axes.join(" "), self.graph)
    }

    /// The program of such a text.
    pub fn from_text(text: &str) -> Option<Program> {
        let mut lines = text.strip_prefix("mock ")?.splitn(4, '\n');
        let donated = lines.next()?.parse().ok()?;
        let devices = lines.next()?.split(' ').map(|d| d.parse().ok()).collect::<Option<_>>()?;
        let axes = lines.next()?.split(' ').map(|a| a.parse().ok()).collect();
        Some(Program { donated, devices, axes, graph: text::parse(lines.next()?).ok()? })
    }
}

/// The axis along which an argument with this text is cut.
fn axis(text: &str, parts: usize) -> Result<Option<usize>, String> {
    let Some((_, sharding)) = text.split_once("sdy.sharding = #sdy.sharding<@mesh, [") else {
        return if parts == 1 { Ok(None) } else { Err("an argument without sharding".into()) };
    };
    let (axes, _) = sharding.split_once("]>").ok_or(sharding)?;
    let rank = text.split_once('>').map_or(0, |(shape, _)| shape.matches('x').count());
    let axes: Vec<&str> = axes.split(", ").filter(|a| !a.is_empty()).collect();
    let cut: Vec<usize> = (0..axes.len()).filter(|&a| axes[a] == "{\"batch\"}").collect();
    if axes.len() != rank || cut.len() > 1 || cut.len() + axes.iter().filter(|&&a| a == "{}").count() != rank
    {
        return Err(format!("a value of rank {rank} is cut as {axes:?}"));
    }
    Ok(cut.first().copied())
}

/// A varint and what follows it.
fn varint(mut bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (&byte, rest) = bytes.split_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        (bytes, shift) = (rest, shift + 7);
        if byte < 0x80 {
            return Some((value, bytes));
        }
    }
}

/// The fields of a message: number, value of a number, bytes of others.
fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, &[u8])> {
    let mut all = vec![];
    while let Some((tag, rest)) = varint(bytes) {
        let (value, rest) = varint(rest).unwrap();
        let (inner, rest) = if tag & 7 == 2 { rest.split_at(value as usize) } else { (&[][..], rest) };
        all.push((tag >> 3, value, inner));
        bytes = rest;
    }
    all
}

fn field(message: &[u8], number: u64) -> Option<&[u8]> {
    fields(message).into_iter().find(|f| f.0 == number).map(|f| f.2)
}

fn number(message: &[u8], number: u64) -> Option<u64> {
    fields(message).into_iter().find(|f| f.0 == number).map(|f| f.1)
}

/// The devices of an assignment, one for each part.
fn assigned(assignment: &[u8]) -> Vec<usize> {
    let parts = fields(assignment).into_iter().filter(|f| f.0 == 3);
    parts.map(|part| varint(field(part.2, 1).unwrap()).unwrap().0 as usize).collect()
}
