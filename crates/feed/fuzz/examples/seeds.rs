//! `seeds FOLDER OUTPUT`: inputs made of the recordings in a folder of fixtures, some frames each.

use std::error::Error;
use std::fs;
use std::path::Path;

use feed::capture::{CaptureReader, Payload};
use feed_fuzz::add;

/// Frames of one input, and inputs of one recording: enough to hold every kind of message in its order.
const FRAMES: usize = 12;
const INPUTS: usize = 150;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, output] = args.as_slice() else { return Err("seeds FOLDER OUTPUT".into()) };
    fs::create_dir_all(output)?;
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.contains(".cap.") {
            recording(&path, &name, Path::new(output), &mut count)?;
        } else if name.ends_with(".tsv") {
            for (number, line) in fs::read_to_string(&path)?.lines().enumerate() {
                let mut input = Vec::new();
                add(&mut input, 0, line.split_once('\t').map_or(line, |(_, text)| text).as_bytes());
                fs::write(Path::new(output).join(format!("{name}-{number}")), input)?;
                count += 1;
            }
        }
    }
    eprintln!("{count} seeds in {output}");
    Ok(())
}

fn recording(path: &Path, name: &str, output: &Path, count: &mut usize) -> Result<(), Box<dyn Error>> {
    let mut inputs = vec![Vec::new()];
    let mut frames = 0;
    let mut reader = CaptureReader::open(path)?;
    while let Some(record) = reader.next()? {
        let Some(input) = inputs.last_mut() else { break };
        match record.payload {
            Payload::Text(text) => add(input, 0, text.as_bytes()),
            Payload::Binary(bytes) => add(input, 1, bytes),
            Payload::Rest { url, body } => add(input, 2, format!("{url}\t{body}").as_bytes()),
            Payload::Opened(_) | Payload::Sent(_) => continue,
        }
        frames += 1;
        if frames % FRAMES == 0 {
            inputs.push(Vec::new());
        }
    }
    let stride = inputs.len().div_ceil(INPUTS).max(1);
    for (number, input) in inputs.iter().step_by(stride).enumerate() {
        fs::write(output.join(format!("{name}-{number}")), input)?;
        *count += 1;
    }
    Ok(())
}
