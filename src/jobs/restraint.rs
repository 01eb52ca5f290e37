//! When generation holds back, so that the machine stays free for the music: a share of the time, hours of the day, load and
//! temperature. What a person waits for is held back by heat and load alone.

use std::{path::Path, time::Duration};

use chrono::{NaiveTime, Timelike};

use crate::store::Paused;

/// How long until load and temperature are looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// How long until a pause without an end is looked at again, should its end not be heard.
const LONGEST_LOOK: Duration = Duration::from_secs(30);

/// Seconds of a day.
const DAY: u32 = 86_400;

/// Where the kernel tells the load.
const LOAD_FILE: &str = "/proc/loadavg";

/// Where the kernel keeps its thermometers, one folder each.
const THERMAL_FOLDER: &str = "/sys/class/thermal";

/// How generation holds back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Restraint {
    /// The share of the time in which it may work, above 0 to 1: after each generation it rests in proportion.
    pub duty: f64,
    /// Hours of the day, local time; `None` for all of them.
    pub hours: Option<Hours>,
    /// Load average of one minute for each processor above which it waits; `None` for any.
    pub max_load: Option<f64>,
    /// Temperature in °C above which it waits; `None` for any.
    pub max_temperature: Option<f64>,
}

impl Default for Restraint {
    fn default() -> Self {
        Self { duty: 1.0, hours: None, max_load: None, max_temperature: None }
    }
}

/// Hours of the day from one time to another, over midnight where the second is earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: NaiveTime,
    to: NaiveTime,
}

impl std::str::FromStr for Hours {
    type Err = String;

    /// Reads `22:00-07:00`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M");
        let read = text.split_once('-').and_then(|(from, to)| Some((time(from).ok()?, time(to).ok()?)));
        match read {
            Some((from, to)) if from != to => Ok(Self { from, to }),
            _ => Err(format!("`{text}` is no time of the day from … to …: write it like 22:00-07:00")),
        }
    }
}

impl std::fmt::Display for Hours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.from.format("%H:%M"), self.to.format("%H:%M"))
    }
}

impl Hours {
    /// How long until they begin; `None` within them.
    fn until(self, now: NaiveTime) -> Option<Duration> {
        let (begun, before_end) = (self.from <= now, now < self.to);
        let inside = if self.from < self.to { begun && before_end } else { begun || before_end };
        let seconds = (self.from.num_seconds_from_midnight() + DAY - now.num_seconds_from_midnight()) % DAY;
        (!inside).then(|| Duration::from_secs(seconds.into()))
    }
}

/// Why generation waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// For people.
    pub(super) reason: String,
    /// When to look again.
    pub(super) look_again: Duration,
    /// Whether what a person asked for waits, too.
    pub(super) urgent_too: bool,
}

impl Held {
    /// Because a person has paused the work; its end wakes whoever waits.
    pub(super) fn by_hand(paused: &Paused) -> Self {
        let until = paused.until.map_or_else(String::new, |until| format!(" until {}", until.format("%H:%M:%S UTC")));
        let reason = format!("paused{until}; `musonym jobs resume` goes on");
        let left = paused.until.and_then(|until| (until - chrono::Utc::now()).to_std().ok());
        Self { reason, look_again: left.unwrap_or(LONGEST_LOOK), urgent_too: true }
    }
}

/// What the machine says of itself; `None` where it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Readings {
    /// Load average of one minute for each processor.
    pub(super) load: Option<f64>,
    /// The hottest thermometer, °C.
    pub(super) temperature: Option<f64>,
}

impl Readings {
    /// As they are now.
    fn now() -> Self {
        let load = std::fs::read_to_string(LOAD_FILE).ok();
        Self { load: load.and_then(|text| load_per_processor(&text)), temperature: hottest(Path::new(THERMAL_FOLDER)) }
    }
}

fn load_per_processor(loadavg: &str) -> Option<f64> {
    let load: f64 = loadavg.split_whitespace().next()?.parse().ok()?;
    let processors = std::thread::available_parallelism().ok()?.get();
    #[expect(clippy::cast_precision_loss, reason = "a number of processors")]
    Some(load / processors as f64)
}

/// The hottest of the thermometers in this folder, °C.
fn hottest(folder: &Path) -> Option<f64> {
    let zones = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let milli =
        zones.filter_map(|zone| std::fs::read_to_string(zone.path().join("temp")).ok()?.trim().parse::<f64>().ok());
    milli.max_by(f64::total_cmp).map(|milli| milli / 1000.0)
}

impl Restraint {
    /// Why generation waits now, if it does.
    pub(super) fn held(&self) -> Option<Held> {
        let readings = if self.max_load.is_some() || self.max_temperature.is_some() {
            Readings::now()
        } else {
            Readings::default()
        };
        self.held_at(chrono::Local::now().time(), readings)
    }

    fn held_at(&self, now: NaiveTime, readings: Readings) -> Option<Held> {
        let above =
            |reading: Option<f64>, most: Option<f64>| reading.zip(most).filter(|(reading, most)| reading > most);
        if let Some((temperature, most)) = above(readings.temperature, self.max_temperature) {
            let reason =
                format!("the machine is at {temperature:.0} °C, above the {most:.0} of generate.max_temperature");
            return Some(Held { reason, look_again: LOOK_AGAIN, urgent_too: true });
        }
        if let Some((load, most)) = above(readings.load, self.max_load) {
            let reason = format!("the load is {load:.2} a processor, above the {most:.2} of generate.max_load");
            return Some(Held { reason, look_again: LOOK_AGAIN, urgent_too: true });
        }
        let hours = self.hours?;
        let look_again = hours.until(now)?;
        let reason = format!("generate.hours are {hours}; what a person asks for is done at any time");
        Some(Held { reason, look_again, urgent_too: false })
    }

    /// How long to rest after a generation that took so long.
    pub(super) fn rest_after(&self, worked: Duration) -> Duration {
        worked.mul_f64((1.0 / self.duty.clamp(0.01, 1.0)) - 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> NaiveTime {
        NaiveTime::parse_from_str(text, "%H:%M").unwrap()
    }

    #[test]
    fn hours_may_go_over_midnight() {
        let night: Hours = "22:00-07:00".parse().unwrap();
        assert_eq!(night.to_string(), "22:00-07:00");
        for inside in ["22:00", "23:59", "00:00", "06:59"] {
            assert_eq!(night.until(at(inside)), None, "{inside}");
        }
        assert_eq!(night.until(at("07:00")), Some(Duration::from_secs(15 * 3600)));
        assert_eq!(night.until(at("21:30")), Some(Duration::from_secs(1800)));
        let day: Hours = "9:30-17:00".parse().unwrap();
        assert_eq!(day.until(at("12:00")), None);
        assert_eq!(day.until(at("17:00")), Some(Duration::from_secs(16 * 3600 + 1800)));
        for wrong in ["22-7", "22:00", "25:00-07:00", "07:00-07:00", ""] {
            assert!(wrong.parse::<Hours>().unwrap_err().contains("22:00-07:00"), "{wrong}");
        }
    }

    #[test]
    fn heat_and_load_hold_back_what_a_person_asks_for_and_hours_do_not() {
        let restraint = Restraint {
            hours: Some("22:00-07:00".parse().unwrap()),
            max_load: Some(1.5),
            max_temperature: Some(75.0),
            ..Restraint::default()
        };
        let cool = Readings { load: Some(1.0), temperature: Some(60.0) };
        assert_eq!(restraint.held_at(at("23:00"), cool), None);
        let day = restraint.held_at(at("12:00"), cool).unwrap();
        assert!(!day.urgent_too && day.reason.contains("22:00-07:00"), "{day:?}");
        let hot = restraint.held_at(at("23:00"), Readings { temperature: Some(80.2), ..cool }).unwrap();
        assert!(hot.urgent_too && hot.reason.contains("80 °C"), "{hot:?}");
        let busy = restraint.held_at(at("23:00"), Readings { load: Some(1.51), ..cool }).unwrap();
        assert!(busy.urgent_too && busy.reason.contains("1.51"), "{busy:?}");
        assert_eq!(restraint.held_at(at("23:00"), Readings::default()), None, "a machine that says nothing of itself");
        assert_eq!(Restraint::default().held_at(at("12:00"), hot_and_busy()), None);
    }

    fn hot_and_busy() -> Readings {
        Readings { load: Some(99.0), temperature: Some(99.0) }
    }

    #[test]
    fn a_duty_of_a_quarter_rests_three_times_as_long_as_it_worked() {
        let quarter = Restraint { duty: 0.25, ..Restraint::default() };
        assert_eq!(quarter.rest_after(Duration::from_secs(10)), Duration::from_secs(30));
        assert_eq!(Restraint::default().rest_after(Duration::from_secs(10)), Duration::ZERO);
    }

    #[test]
    fn the_hottest_thermometer_counts_and_what_does_not_read_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for (zone, text) in [("thermal_zone0", "48500\n"), ("thermal_zone1", "61250\n"), ("thermal_zone2", "none")] {
            std::fs::create_dir(folder.path().join(zone)).unwrap();
            std::fs::write(folder.path().join(zone).join("temp"), text).unwrap();
        }
        std::fs::create_dir(folder.path().join("cooling_device0")).unwrap();
        assert_eq!(hottest(folder.path()), Some(61.25));
        assert_eq!(hottest(&folder.path().join("missing")), None);
        assert!(load_per_processor("0.50 0.40 0.30 1/234 5678").unwrap() > 0.0);
        assert_eq!(load_per_processor(""), None);
    }
}
