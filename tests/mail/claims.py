"""What each sentence of a mail to a contact claims: facts that have to be so when it is read.

A sentence that is true of every mail of its kind claims nothing. One that is not named here fails.
"""

CLAIMS = {
    # Of every kind
    "Thank you,": "",
    "See you later,": "",
    "Take care,": "",
    "Warm regards,": "",
    "Until very soon,": "",
    # What ends, and when
    "Thank you": "",
    "Thank you for everything": "whole",
    "A few lines to thank you": "",
    "You get this mail once, because one of the services ends.": "part",
    "You get this mail once, because our work together has ended.": "whole ended",
    "You get this mail once, because our work together is ending.": "whole ending",
    "Now that our work together on %(service)s has come to an end, "
    "I want to thank you for counting on us.": "part ended",
    "Now that our work together on %(service)s is coming to an end, "
    "I want to thank you for counting on us.": "part ending",
    "Now that our work together has come to an end, "
    "I want to thank you for having counted on us.": "whole ended",
    "Now that our work together is coming to an end, "
    "I want to thank you for having counted on us.": "whole ending",
    "Our work together on %(service)s is coming to an end.": "ending",
    "Our work together is coming to an end.": "whole ending",
    "Until %(day)s nothing changes: the same care, and the same people.": "ahead",
    "If anything would make the change easier for you (a file, some access, a question), "
    "answer this mail: it comes straight to me.": "read_by_the_signer",
    "I wish you all the best.": "whole",
    "I wish you all the best, and I will be glad if our paths cross again.": "whole their_wish",
    "Thank you, and whom to write to from now on": "read_by_the_signer",
    "Thank you, and see you later": "",
    "A few lines to keep at hand": "",
    "Our work together on %(service)s ended on %(day)s.": "ended",
    "Our work together on %(service)s ends on %(day)s.": "ending dated",
    "With these lines our work together on %(service)s comes to its close.": "closed",
    "Our work together ended on %(day)s.": "whole ended",
    "Our work together ends on %(day)s.": "whole ending dated",
    "With these lines our work together comes to its close.": "whole closed",
    "I want to thank you for your trust.": "",
    "Should you miss a file one day, or have a question, answer this mail: "
    "it comes straight to me.": "read_by_the_signer",
    # The survey
    "How was it, working with us?": "",
    "It takes two minutes, and the first question is enough": "",
    "You get this mail because we have worked together. "
    "We ask once, and remind you twice at most.": "",
    "Our work together on %(service)s ended on %(day)s, "
    "and I would like to know how it was for you.": "ended",
    "Our work together ended on %(day)s, and I would like to know how it was for you.": (
        "whole ended"
    ),
    "I would like to know how it was for you to work with us.": "",
    "It takes about two minutes, and only the first question is needed.": "",
    "Answer the survey": "",
    "We read every answer at %(company)s, the good and the less good, and publish none of them.": (
        ""
    ),
    "You can answer until %(day)s.": "open",
    "A single number already helps": "",
    "You get this mail because we have worked together. "
    "We remind you twice at most, and this is the first.": "",
    "A few days ago I asked you how it was, working with us.": "asked a_few_days_ago",
    "I asked you how it was, working with us.": "asked",
    "If now is a good moment, a single number already helps.": "",
    "And if you would rather not, that is fine too": "",
    "You get this mail because we have worked together. We will not remind you again.": "",
    "This is the last time I ask. If you would still like to tell us how it was, here it is; "
    "and if not, thank you all the same.": "asked",
    "If you would like to tell us how it was, here it is; and if not, thank you all the same.": "",
    # An answer
    "We have your answer, thank you": "answered",
    "It is with us, and you can still change it": "answered open",
    "It is with us": "answered",
    "You get this mail because you have answered our survey.": "answered",
    "If it was not you, tell us by answering this mail.": "read_by_the_signer",
    "Thank you for taking the time. Your answer has arrived, and we will read it calmly.": (
        "answered"
    ),
    "If you want to change or add something, you can until %(day)s.": "open",
    "See or change my answer": "",
    "The link is yours alone: whoever has it can read what you answered, "
    "so it is better not to forward this mail.": "",
    "The link to your answer": "",
    "It was asked for on the page of the survey": "",
    "You get this mail because somebody asked for it on the page of the survey. "
    "If it was not you, there is nothing to do.": "",
    "Here is the link to your answer. It opens it as you left it, on any device.": "",
    "You can change it until %(day)s.": "open",
    "Open my answer": "",
    # A testimonial
    "Would you write a few words about us?": "",
    "Two or three sentences, in your own words": "",
    "You get this mail because you answered our survey. "
    "We ask once, and remind you once at most.": "answered",
    "You get this mail because we have worked together. "
    "We ask once, and remind you once at most.": "",
    "Thank you for telling us how it was.": "answered",
    "I am glad that your own team carries it on.": "in_house",
    "I understand that this time the budget decided.": "budget",
    "I understand that you need something else now.": "needs",
    "Whoever is looking for a company like ours would like to know how it is to work with us. "
    "Would you say it in your own words? Two or three sentences are plenty.": "",
    "Write a few words": "",
    "You decide what is shown, under which name and where, and you can take it back whenever you "
    "like with the same link. And if you would rather not, that is fine too.": "",
    "In case you feel like it; I will not ask again": "",
    "You get this mail because you answered our survey. We will not remind you again.": "answered",
    "A few days ago I asked you for a few words about working with us.": "asked a_few_days_ago",
    "I asked you for a few words about working with us.": "asked",
    "Would you write a few words about working with us?": "",
    "In case you feel like it, here is the link; I will not ask again.": "",
    "Your link to the testimonial": "",
    "To read, change or take back what you wrote": "",
    "You get this mail because somebody asked for this link on the page of your testimonial.": "",
    "With this link you can read your testimonial, change it, or take it back.": "",
    "Open my testimonial": "",
    "Are your words fine like this?": "",
    "We have made them shorter; you decide": "",
    "You get this mail because you wrote us a testimonial.": "",
    "Thank you again for your words. To fit the place where we would show them we have made them "
    "shorter, without changing any. They would read like this:": "",
    "Compare and decide": "",
    "The shorter version is not shown until you say yes, and on the same page you can say no.": "",
    # Later
    "How are you doing?": "",
    "A few lines to know how things are going": "",
    "You get this mail because we have worked together and we like to know how you are.": "",
    "It has been a while since we worked together, and I would like to know how you are doing.": (
        "whole ended a_while_ago"
    ),
    "I would like to know how you are doing.": "",
    "If one day you feel like talking, about whatever it may be, one press lets me know and I get "
    "in touch.": "told_to_the_signer",
    "I’d like to talk": "",
    "And if not, there is nothing to do.": "",
    "And if not, there is nothing to do: I am glad all the same that our paths crossed.": "content",
    "A few lines for you": "",
    "Thank you for the time we have worked together": "",
    "You get this mail because we have worked together.": "",
    "Thank you once more for the time that we have worked together.": "",
    "If there is anything that you need from us, answer this mail: it comes straight to me.": (
        "read_by_the_signer"
    ),
    "It is good to have you back": "returned",
    "Thank you for counting on us again": "returned",
    "You get this mail once, because we work together again.": "returned",
    "You are back, and we are glad of it. Thank you for counting on us again.": "returned",
    "If there is something you would like to be different this time, tell me now: "
    "answer this mail, and it comes straight to me.": "read_by_the_signer",
    # Greetings and newsletters
    "We began %(years)s ago": "anniversary",
    "Happy birthday, %(name)s": "birthday",
    "Happy birthday": "birthday",
    "Good wishes for these days": "december",
    "Good wishes": "",
    "Only a greeting: there is nothing to answer": "",
    "You get this mail because we work together, or did, and like to keep in touch.": "",
    "On a day like today, %(years)s ago, we began to work together.": "anniversary the_day",
    "Around these days, %(years)s ago, we began to work together.": "anniversary",
    "I am glad that our paths crossed, and I wanted to tell you so. Thank you for your trust.": "",
    "Today is your day, so I only wanted to wish you a happy birthday.": "birthday the_day",
    "It is your birthday around these days, so I only wanted to wish you a happy one.": "birthday",
    "May the year that begins for you have many good days in it.": "birthday",
    "The year comes to its end, and I wanted to wish you and yours some calm and happy days.": (
        "december"
    ),
    "May the new year be kind to you, at work and at home.": "december",
    "I only wanted to wish you and yours some good days.": "",
    "News from %(company)s": "",
    "What is new with us, in a few lines": "",
    "This is what we sent by mail to those who know us.": "page",
    "You get this mail because we have worked together and now and then we tell you what is new.": (
        ""
    ),
    "We count how often each of its links is opened: only the total, without names.": "counted",
    "Here stands what you write in the newsletter: your words, your pictures and your links.": "",
}
