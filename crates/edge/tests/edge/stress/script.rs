//! What each client does, round by round.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IteratorRandom, SliceRandom};
use tokio::sync::{mpsc, watch};

use super::reader::{Ask, History, Reader};
use super::{Phase, SYMBOLS, Stage};

/// What a client is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Opens one stream and keeps it.
    Stays,
    /// The same, and reads only when all is quiet.
    Dawdles,
    /// Is cut anywhere and comes back with its last id.
    ComesBack,
    /// Changes its symbols, and is cut as well.
    Changes,
    /// Goes from merging to every change and back.
    Switches,
    /// Leaves for good; another one comes.
    Passes,
}

use Kind::{Changes, ComesBack, Dawdles, Passes, Stays, Switches};

impl Kind {
    pub(super) const CAST: [Kind; 26] = [
        Stays, Stays, Stays, Stays, Stays, Stays, Dawdles, Dawdles, Dawdles, Dawdles, ComesBack, ComesBack,
        ComesBack, ComesBack, Changes, Changes, Changes, Switches, Passes, Passes, Stays, Stays, Stays,
        Stays, Stays, Stays,
    ];
}

/// Sockets are handed over in HTTP/1.1, hyper writes in HTTP/1.0: both, in both modes. A rate now and then.
fn ask(number: usize, kind: Kind, rng: &mut StdRng) -> Ask {
    let version = ["HTTP/1.1", "HTTP/1.0"][number % 2];
    let every = kind != Switches && (number / 2).is_multiple_of(2);
    let query = match (every, rng.random_range(0..4)) {
        (true, 0) => "&mode=every&max_rate=400",
        (true, _) => "&mode=every",
        (false, 0) => "&max_rate=400",
        (false, _) => "",
    };
    Ask { version, query, every }
}

/// Plays one client until the rounds are over. Returns what it, and those whose place it took, were told.
pub(super) async fn play(
    number: usize,
    kind: Kind,
    stage: Arc<Stage>,
    mut rng: StdRng,
    mut phase: watch::Receiver<Phase>,
    arrive: mpsc::Sender<usize>,
) -> Vec<History> {
    let ask = ask(number, kind, &mut rng);
    let mut past = Vec::new();
    let mut lives = 0;
    let mut reader: Option<Reader> = None;
    let mut every = false;
    loop {
        let now = *phase.borrow_and_update();
        // Clients come one after the other, so that some join under load.
        let is_new = reader.is_none();
        if is_new && now / 2 >= number {
            lives += 1;
            let mut wanted: Vec<usize> = (0..SYMBOLS).collect();
            // Those whose sockets are handed over begin with the same list, so that some stand where others stand.
            if number % 2 == 1 {
                wanted.shuffle(&mut rng);
            }
            wanted.truncate(if number % 2 == 1 {
                [1, 2, 5, 12, SYMBOLS - 1][rng.random_range(0..5)]
            } else {
                12
            });
            let who = format!("client {number}.{lives} ({kind:?}, {ask:?})");
            reader = Some(Reader::join(who, ask, wanted, &stage).await);
        }
        if let Some(here) = reader.as_mut().filter(|_| !is_new) {
            let some = rng.random_range(0..12);
            match kind {
                Stays | Dawdles => {}
                ComesBack => {
                    read_some(here, some, &mut phase).await;
                    here.reconnect(&stage).await;
                }
                Changes if rng.random_ratio(1, 5) => {
                    read_some(here, some, &mut phase).await;
                    here.reconnect(&stage).await;
                }
                Changes => change(here, &stage, &mut rng).await,
                Switches => {
                    every = !every;
                    here.change_mode(&stage, if every { "every" } else { "latest" }).await;
                }
                Passes if rng.random_ratio(1, 3) => {
                    read_some(here, some, &mut phase).await;
                    past.extend(reader.take().map(|reader| reader.history));
                }
                Passes => {}
            }
        }
        stage.acting.fetch_sub(1, Ordering::AcqRel);
        if let Some(reader) = &mut reader {
            if kind == Dawdles {
                let _ = phase.wait_for(|phase| phase % 2 == 1).await;
            }
            read_some(reader, usize::MAX, &mut phase).await;
            reader.catch_up(&stage).await;
        } else {
            let _ = phase.wait_for(|phase| phase % 2 == 1).await;
        }
        arrive.send(number).await.unwrap();
        if phase.wait_for(|&phase| phase > now + 1).await.is_err() {
            past.extend(reader.map(|reader| reader.history));
            return past;
        }
    }
}

/// Reads so many events, or until the writers are quiet.
async fn read_some(reader: &mut Reader, most: usize, phase: &mut watch::Receiver<Phase>) {
    for _ in 0..most {
        tokio::select! {
            () = reader.read() => {}
            _ = phase.wait_for(|phase| phase % 2 == 1) => return,
        }
    }
}

/// Takes a symbol that it has not; gives one up as often, so that it always has some.
async fn change(reader: &mut Reader, stage: &Stage, rng: &mut StdRng) {
    let Some(joins) = (0..SYMBOLS).filter(|symbol| !reader.wanted.contains(symbol)).choose(rng) else {
        return;
    };
    let leaves = rng.random_bool(0.8).then(|| reader.wanted.iter().copied().choose(rng)).flatten();
    reader.change(stage, joins, leaves).await;
}
