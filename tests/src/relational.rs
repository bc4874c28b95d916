//! The topology of Apache Kafka's relational smoke test, as `tests/smoke/README.md` tells it:
//! articles, and comments on them.
//!
//! It is to be the same as Java's, to the generated names: nodes are made in the order of that
//! page.

use std::sync::Arc;

use streams_core::{
    BoxError, Result,
    config::StreamsConfig,
    serde::{Serde, SerdeRef, Written, integer, short},
    topology::Topology,
};
use streams_dsl::{Consumed, KTable, Materialized, StreamsBuilder};

/// The application's id, which the driver's script counts on when it removes what an earlier run
/// left.
pub const APPLICATION_ID: &str = "RelationalSmokeTest";

/// Length of an article's text that a comment shows, in characters.
const PREFIX: usize = 10;

#[derive(Clone)]
struct Article {
    key: i32,
    timestamp: i64,
    text: String,
}

#[derive(Clone)]
struct AugmentedArticle {
    article: Article,
    comments: i64,
}

#[derive(Clone)]
struct Comment {
    key: i32,
    timestamp: i64,
    text: String,
    article: i32,
}

#[derive(Clone)]
struct AugmentedComment {
    comment: Comment,
    prefix: String,
}

/// The topology of the relational smoke test's client, in stores of the configured kind.
///
/// # Errors
/// `Topology` if the DSL does not take it.
pub fn topology(config: &StreamsConfig) -> Result<Topology> {
    let builder = StreamsBuilder::new();
    let articles = table::<Article>(&builder, "in-article");
    let comments = table::<Comment>(&builder, "in-comment");
    let one_of_article = |_: &i32, comment: &Comment| (comment.article, 1_i16);
    let counts = comments.group_by(one_of_article).with_serdes(integer(), short()).count();

    let augmented = articles.left_join(&counts, |article, comments: Option<&i64>| {
        let comments = comments.copied().unwrap_or(0);
        AugmentedArticle { article: article.clone(), comments }
    });
    augmented.stored(stored()).to_stream().to("out-augmented-article");

    let article_of = |comment: &Comment| comment.article;
    let augmented = comments.join_on(&articles, article_of, |comment, article| {
        let prefix = article.text.chars().take(PREFIX).collect();
        AugmentedComment { comment: comment.clone(), prefix }
    });
    augmented.stored(stored()).to_stream().to("out-augmented-comment");
    builder.build_with(config)
}

fn table<V: Wire>(builder: &StreamsBuilder, topic: &str) -> KTable<i32, V> {
    builder.table(Consumed::topic(topic).with(integer(), wire()))
}

fn stored<V: Wire>() -> Materialized<i32, V> {
    Materialized::unnamed().with_value_serde(wire())
}

/// Values in the bytes of Java's test: its fields one after the other, numbers big-endian, text
/// behind its length.
trait Wire: Sized + Clone + Send + 'static {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), BoxError>;

    fn read(bytes: &mut &[u8]) -> Result<Self, BoxError>;
}

struct WireSerde;

fn wire<T: Wire>() -> SerdeRef<T> {
    Arc::new(WireSerde)
}

impl<T: Wire> Serde<T> for WireSerde {
    fn serialize(&self, _: &str, data: &T, out: &mut Vec<u8>) -> Result<Written, BoxError> {
        data.write(out)?;
        Ok(Written::Bytes)
    }

    fn deserialize(&self, topic: &str, data: Option<&[u8]>) -> Result<T, BoxError> {
        let mut rest = data.ok_or_else(|| format!("a value in topic {topic} is null"))?;
        let value = T::read(&mut rest)?;
        match rest.len() {
            0 => Ok(value),
            left => Err(format!("a value in topic {topic} has {left} bytes too many").into()),
        }
    }
}

impl Wire for Article {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), BoxError> {
        out.extend_from_slice(&self.key.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        write_text(&self.text, out)
    }

    fn read(bytes: &mut &[u8]) -> Result<Self, BoxError> {
        let key = i32::from_be_bytes(take(bytes)?);
        let timestamp = i64::from_be_bytes(take(bytes)?);
        Ok(Self { key, timestamp, text: read_text(bytes)? })
    }
}

impl Wire for AugmentedArticle {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), BoxError> {
        self.article.write(out)?;
        out.extend_from_slice(&self.comments.to_be_bytes());
        Ok(())
    }

    fn read(bytes: &mut &[u8]) -> Result<Self, BoxError> {
        let article = Article::read(bytes)?;
        Ok(Self { article, comments: i64::from_be_bytes(take(bytes)?) })
    }
}

impl Wire for Comment {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), BoxError> {
        out.extend_from_slice(&self.key.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        write_text(&self.text, out)?;
        out.extend_from_slice(&self.article.to_be_bytes());
        Ok(())
    }

    fn read(bytes: &mut &[u8]) -> Result<Self, BoxError> {
        let key = i32::from_be_bytes(take(bytes)?);
        let timestamp = i64::from_be_bytes(take(bytes)?);
        let text = read_text(bytes)?;
        Ok(Self { key, timestamp, text, article: i32::from_be_bytes(take(bytes)?) })
    }
}

impl Wire for AugmentedComment {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), BoxError> {
        self.comment.write(out)?;
        write_text(&self.prefix, out)
    }

    fn read(bytes: &mut &[u8]) -> Result<Self, BoxError> {
        let comment = Comment::read(bytes)?;
        Ok(Self { comment, prefix: read_text(bytes)? })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], BoxError> {
    let (taken, rest) = bytes.split_first_chunk().ok_or("the value ends too early")?;
    *bytes = rest;
    Ok(*taken)
}

fn write_text(text: &str, out: &mut Vec<u8>) -> Result<(), BoxError> {
    out.extend_from_slice(&i32::try_from(text.len())?.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn read_text(bytes: &mut &[u8]) -> Result<String, BoxError> {
    let length = usize::try_from(i32::from_be_bytes(take(bytes)?))?;
    let (text, rest) = bytes.split_at_checked(length).ok_or("the value ends within a text")?;
    *bytes = rest;
    Ok(std::str::from_utf8(text)?.to_owned())
}
