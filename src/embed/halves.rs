//! A batch that fails as a whole because of one text: halved until the bad text stands alone.

/// Items that are still to be embedded, in batches.
pub(crate) struct Halves<T> {
    batches: Vec<Vec<T>>,
}

impl<T> Halves<T> {
    /// All of them in one batch.
    pub(crate) fn of(items: Vec<T>) -> Self {
        Self { batches: vec![items] }
    }

    /// The next batch that is not empty.
    pub(crate) fn next_batch(&mut self) -> Option<Vec<T>> {
        loop {
            let batch = self.batches.pop()?;
            if !batch.is_empty() {
                return Some(batch);
            }
        }
    }

    /// Takes back a batch that was refused, in halves; gives back the item that was refused alone.
    pub(crate) fn refused(&mut self, mut batch: Vec<T>) -> Option<T> {
        if batch.len() <= 1 {
            return batch.pop();
        }
        let second = batch.split_off(batch.len() / 2);
        self.batches.push(second);
        self.batches.push(batch);
        None
    }

    /// What is left, when no more is to be tried.
    pub(crate) fn rest(self) -> Vec<T> {
        self.batches.into_iter().rev().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_item_is_found_and_the_others_keep_their_order() {
        let (mut halves, mut good, mut bad, mut calls) = (Halves::of((1..=9).collect()), Vec::new(), Vec::new(), 0);
        while let Some(batch) = halves.next_batch() {
            calls += 1;
            if batch.contains(&4) { bad.extend(halves.refused(batch)) } else { good.extend(batch) }
        }
        assert_eq!((good, bad), (vec![1, 2, 3, 5, 6, 7, 8, 9], vec![4]));
        assert!(calls <= 9, "{calls} calls");
        assert_eq!(Halves::<u8>::of(Vec::new()).next_batch(), None);
    }

    #[test]
    fn what_is_left_is_given_back_in_order() {
        let mut halves = Halves::of((1..=8).collect());
        let all = halves.next_batch().unwrap();
        assert_eq!(halves.refused(all), None);
        assert_eq!(halves.next_batch().unwrap(), [1, 2, 3, 4]);
        assert_eq!(halves.rest(), [5, 6, 7, 8]);
    }
}
