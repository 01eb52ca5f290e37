//! What the resolver and the summaries read of a store.

use musonym::{
    domain::{Section, Source, TagType, key},
    store::{Page, TagWithTerms},
};

use crate::backend::{Db, draft, genre, mood, term};

/// Every tag, page by page.
async fn read(db: &Db) -> Vec<TagWithTerms> {
    let (mut tags, mut page) = (Vec::new(), Page::first(2));
    loop {
        let listing = db.store.tags_with_terms(&page).await.unwrap();
        tags.extend(listing.items);
        let Some(next) = listing.next else { return tags };
        page.cursor = Some(next);
    }
}

contract! {
    async fn tags_come_page_by_page_with_the_active_terms_of_their_active_row(db) {
        db.tags(TagType::Genre, &["ska", "rap", "dub"]).await;
        let calm = db.store.create_synonyms(&draft(mood("calm"), &["quiet", "still"])).await.unwrap();
        let mut rap = draft(genre("rap"), &["rhymes"]);
        rap.terms.push(term(Section::UsageContext, "at night", Source::Manual));
        db.store.create_synonyms(&rap).await.unwrap();
        let ska = db.store.create_synonyms(&draft(genre("ska"), &["two tone"])).await.unwrap();
        let read_all = read(&db).await;
        let names: Vec<&str> = read_all.iter().map(|tag| tag.name.as_str()).collect();
        assert_eq!(names, ["ska", "rap", "dub", "calm"]);
        let terms = |tags: &[TagWithTerms], name: &str| -> Vec<(Section, String)> {
            let tag = tags.iter().find(|tag| tag.name == name).unwrap();
            tag.terms.iter().map(|term| (term.section, term.term.clone())).collect()
        };
        let expected = [(Section::SearchTerms, "rhymes".to_owned()), (Section::UsageContext, "at night".to_owned())];
        assert_eq!(terms(&read_all, "rap"), expected);
        assert!(read_all.iter().flat_map(|tag| &tag.terms).all(|term| term.key == key(&term.term)));
        assert_eq!(read_all[2].confidence, None);
        assert_eq!(read_all[3].confidence, Some(calm.confidence));

        // Neither what a person took out, nor what went out of use.
        db.store.replace_synonyms(calm.id, &draft(mood("calm"), &["still"]), None).await.unwrap();
        db.store.deactivate_synonyms(ska.id, None).await.unwrap();
        let read_again = read(&db).await;
        assert_eq!(terms(&read_again, "calm"), [(Section::SearchTerms, "still".to_owned())]);
        assert_eq!((terms(&read_again, "ska").len(), read_again[0].confidence), (0, None));
        let bad = Page { cursor: Some("nonsense".to_owned()), limit: 2 };
        assert!(matches!(db.store.tags_with_terms(&bad).await, Err(musonym::store::StoreError::BadCursor)));
    }
}
