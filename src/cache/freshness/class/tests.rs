//! Questions with the class that a reader would give them, both sides of each word that misleads.

use super::*;

const TIME_SENSITIVE: &[&str] = &[
    "What's the weather in Paris?",
    "What is the weather like in Oslo today?",
    "Weather Berlin",
    "Will it rain tomorrow in Madrid?",
    "Is it raining in London?",
    "What is the temperature in Cairo right now?",
    "What is the price of gold?",
    "Bitcoin price",
    "How much is a Tesla Model 3?",
    "How much does an iPhone 17 cost?",
    "What is Apple's stock price?",
    "What is the exchange rate from EUR to USD?",
    "What are mortgage rates at the moment?",
    "What is the latest version of Node.js?",
    "Give me the latest news.",
    "Any news about the election?",
    "What's in the news today?",
    "Please summarise today's headlines.",
    "Explain today's market moves to me.",
    "Who won the game last night?",
    "What is the score of the Lakers game?",
    "Who is the current president of France?",
    "What is the current population of India?",
    "Who is in charge of the Treasury now?",
    "Is the museum open now?",
    "Why is the stock market down today?",
    "What concerts are on this weekend?",
    "What's trending on social media?",
    "What are the most recent changes to the tax code?",
    "Which movies are in theaters this week?",
    "Is flight BA117 delayed today?",
    "Can you tell me the opening hours of the Louvre?",
    "What are the Premier League standings?",
    "What\u{2019}s the weather like tonight?",
    "What does the market look like today?",
    "What is a good movie to watch tonight?",
    "How can I watch the game tonight?",
];

const NEVER: &[&str] = &[
    "What time is it?",
    "What time is it in Tokyo?",
    "Hey, what time is it right now?",
    "What's the time?",
    "What day is it today?",
    "What is today's date?",
    "What's the date?",
    "What is the current time in New York?",
    "How many days until Christmas?",
    "Flip a coin.",
    "Please roll a die for me",
    "Give me a random number between 1 and 10",
    "Tell me a random fact.",
    "Generate a strong password",
    "Pick a number from 1 to 5",
];

const STATIC: &[&str] = &[
    "What is the capital of France?",
    "What is price elasticity of demand?",
    "Explain price discrimination.",
    "Now explain photosynthesis.",
    "Now, how do I sort a list in Python?",
    "What is an electric current?",
    "What is a current account?",
    "How does alternating current work?",
    "How do I get the current date in JavaScript?",
    "How do I generate a random number in Rust?",
    "How do I roll a die in Python?",
    "How can I check the weather with an API?",
    "How are weather forecasts made?",
    "What is the difference between weather and climate?",
    "How do I install the latest version of Docker?",
    "What does now() return in SQL?",
    "Translate \"What is the weather today?\" into German.",
    "How do I reset my password?",
    "Who wrote Hamlet?",
    "Who was president of the United States in 1920?",
    "What was the price of bread in 1930?",
    "When did the Berlin Wall fall?",
    "How does the price of oil affect inflation?",
    "What does the current ratio measure?",
    "Write a poem about today.",
    "Define breaking news.",
    "What is the meaning of the word today?",
    "Why do we sleep?",
    "What is a time complexity?",
    "How do I get yesterday's date in SQL?",
    "How do I keep a package up to date?",
    "What is the square root of 144?",
    "Could you please explain how interest rates work?",
];

const DEFAULT: &[&str] = &[
    "What is the time complexity of quicksort?",
    "Which river has the strongest current?",
    "What is the current through a 5 ohm resistor?",
    "Name three ocean currents.",
    "Is the price elasticity of bread high?",
    "Is Latin still used today?",
    "Submit it by Friday at the latest.",
    "List the planets.",
    "Now that it is open, list its rooms.",
    "Compare price floor and price ceiling.",
    "How much water should I drink?",
    "How much does a blue whale weigh?",
    "Recommend a book about weather patterns.",
    "Who is Alan Turing?",
    "Is coffee healthy?",
    "Give me an example of a price index.",
    "Tell me about the price of fame as a theme in the history of film.",
    "Is the speed of light constant?",
    "Suggest a name for a cat.",
    "Which of the two is current directory?",
    "",
];

#[test]
fn each_question_has_the_class_that_a_reader_would_give_it() {
    let labelled = [
        (TtlClass::TimeSensitive, TIME_SENSITIVE),
        (TtlClass::Never, NEVER),
        (TtlClass::Static, STATIC),
        (TtlClass::Default, DEFAULT),
    ];
    let mut wrong = Vec::new();
    for (class, questions) in labelled {
        for question in questions {
            let found = classify(question);
            if found != class {
                wrong.push(format!("{question}: {found:?}, not {class:?}"));
            }
        }
    }
    let all: usize = labelled.iter().map(|(_, questions)| questions.len()).sum();
    assert!(all >= 80);
    assert!(
        wrong.is_empty(),
        "{} of {all}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn what_a_long_text_speaks_of_is_not_what_is_asked() {
    let article = "The weather today was fine. ".repeat(40);
    assert_eq!(
        classify(&format!("{article} Shorten this.")),
        TtlClass::Default
    );
}

#[test]
fn each_list_is_there_and_no_other() {
    let lines = include_str!("../class.txt").lines();
    let named = lines.filter(|l| !l.starts_with('#') && !l.is_empty());
    let named: Vec<_> = named.map(|l| l.split_once(": ").unwrap().0).collect();
    let known: Vec<_> = LISTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, known);
}
