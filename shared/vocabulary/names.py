"""Common given names that are no common words as well: in a note they mean a person."""

_NAMES = """
    aaron abdul abigail adam adrian ahmed aidan alan albert alejandro alex alexander alexandra alfred ali alice
    alicia alison allan allen amanda amir amy ana andrea andreas andrew andy angela anita anna anne annette
    anthony antonio arnold arthur ashley barbara barry beatrice ben benjamin bernard beth betty beverly brad
    bradley brenda brendan brett brian bridget bruce bryan cameron carl carla carlos carol caroline catherine
    cathy charles charlie charlotte cheryl chloe chris christian christina christine christopher cindy claire
    colin connor craig cynthia daniel daniela darren dave david deborah debra dennis derek diana diane diego
    dominic donald donna doris dorothy douglas duncan dylan eddie edward edwin elaine eleanor elena elizabeth
    ellen emily emma eric erik ernest ethan eugene evelyn fatima felix fernando fiona frances francis francisco
    fred frederick gabriel gareth gary gavin geoff geoffrey george gerald gerard giovanni glen glenn gloria
    gordon graeme graham greg gregory hannah hans harold harry hassan heather helen henry herbert howard hugh
    hugo ian ibrahim irene isaac isabel ivan jacob jacqueline jaime jake james jamie jane janet janice jason
    javier jeff jeffrey jennifer jenny jeremy jerry jesse jessica jill jim jimmy joan joanna joanne joe joel
    john johnny jonathan jordan jorge jose joseph joshua joyce juan judith judy julia julian julie justin karen
    karin karl kate katherine kathleen kathryn kathy katie keith kelly ken kenneth kerry kevin kieran kim klaus
    kristen kurt kyle larry laura lauren laurence lawrence leo leon leonard leslie liam linda lisa lloyd
    lorraine louis louise lucas lucy luis luke lynn malcolm manuel marco marcus margaret maria marie marilyn
    mario marion martha martin mary mateo matt matthew maureen megan melanie melissa michael michelle miguel
    mike mitchell mohamed mohammed monica murray nancy natalie natasha nathan neil nicholas nick nicola nicole
    nigel noah noel nora norma norman oliver olivia omar oscar owen pablo pamela patricia patrick paul paula
    pauline pedro peggy peter petra phil philip phillip phyllis rachel ralph ramon raymond rebecca reginald rene
    rhonda ricardo richard rick ricky robert roberta roberto robin rodney roger roland ronald rosemary roy
    russell ruth ryan sally sam samantha samuel sandra sara sarah scott sean sebastian sergio shane shannon
    sharon sheila shirley simon sofia sophia sophie stanley stefan stella stephanie stephen steve steven stewart
    stuart susan suzanne sylvia tamara tania tanya teresa terrence terry theodore theresa thomas tim timothy
    tina todd tom tommy tony tracey tracy travis trevor troy tyler valerie vanessa vernon veronica vicki victor
    victoria vincent virginia walter wayne wendy wesley william willie yusuf yvonne zachary
"""
GIVEN_NAMES = frozenset(_NAMES.split())
