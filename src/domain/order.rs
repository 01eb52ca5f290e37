//! The first of many in an order.

use std::cmp::Ordering;

/// Leaves the first `count` of these in this order, without ordering the others.
pub fn keep_first<T>(items: &mut Vec<T>, count: usize, mut order: impl FnMut(&T, &T) -> Ordering) {
    if items.len() > count {
        items.select_nth_unstable_by(count, &mut order);
        items.truncate(count);
    }
    items.sort_unstable_by(order);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_kept_in_their_order() {
        let first = |count: usize| {
            let mut items = vec![5, 3, 9, 1, 7, 3];
            keep_first(&mut items, count, Ord::cmp);
            items
        };
        assert!(first(0).is_empty());
        assert_eq!(first(3), [1, 3, 3]);
        assert_eq!((first(6), first(9)), (vec![1, 3, 3, 5, 7, 9], vec![1, 3, 3, 5, 7, 9]));
    }
}
