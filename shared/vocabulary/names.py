"""Common given and family names that are no common words, and no well-known makers of things, as well.

In a note they mean a person: nothing has to be learned for that.
"""

_GIVEN = """
    aaron abdul abigail adam adrian ahmed aidan alan albert alec alejandra alejandro alessandro alex alexander
    alexandra alfie alfonso alfred ali alice alicia alina alison alistair allan allen alvin amanda amelia amir amit
    amy ana andre andrea andreas andrew andy angela angelo angus anil anita anja anna anne annette anthony antoine
    anton antonia antonio archie arjun arnold arthur arturo ashley ashok astrid ava ayesha barbara barney barry bart
    bartosz beatrice becky bella ben benedict benjamin benny bernard bernie bert beth betty beverly bianca billy
    birgit bjorn bobby bogdan boris brad bradley brandon brenda brendan brendon brent brett brian bridget brooke bruce
    bruno bryan bryce bryn bryson byron caitlin caleb callum cameron camilla camille carl carla carlos carmen carol
    caroline casey cassandra catherine cathy cecil cecilia cedric cesar chandra charlene charles charlie charlotte
    chelsea cheryl chloe chris christian christina christine christopher cindy claire clarence claude claudia clayton
    clifford clint clinton clive cody colette colin connor conrad corey cory courtney craig curtis cynthia dani daniel
    daniela danny daphne darcy darius darrel darren darryl daryl dave davey david davide dawson deb debbie deborah
    debra declan deepak deirdre delia denise dennis denny derek desmond dexter diana diane diego dieter dimitri dion
    dirk dmitri dom dominic dominique donald donna dora doreen doris dorothy doug douglas drago duane duncan dwayne
    dwight dylan eddie edgar edith edmund eduardo edward edwin eileen elaine eleanor elena elias elijah elisa
    elizabeth ella ellen ellie elliot elliott elsa elvis emanuel emil emilio emily emma emmanuel enrique enzo eric
    erica erik erika erin ernest ernie esteban esther ethan eugene eva evan evelyn ewan ewen ezra farid fatima
    felicity felix ferdinand fernando filip finn fiona florence florian floyd frances francis francisco fraser fred
    freddie freddy frederick freya fritz gabriel gabriela gail gareth garry gary gaurav gavan gavin gemma geoff
    geoffrey george georgina gerald gerard gerhard germaine gilbert giles gina giorgio giovanni giuseppe glen
    glenda glenn gloria gonzalo gordon graeme graham greg gregory grzegorz guido guillermo gunther gustavo gwen
    hamish hamza hannah hans harold harry harvey hassan hayden hayley heather hector heidi heinz helen helena helga
    helmut henrik henry herbert herman hilary horst howard howie hubert hugh hugo hussein ian ibrahim ignacio igor
    ilse imran ines ingrid irene irina isaac isabel isaiah isla ismail ivan ivana jackie jacob jacqueline jacques
    jaime jake jamal james jamie jane janelle janet janice janine jared jarrad jarrod jasmine jason javier jay jayden
    jayne jeanette jed jeff jeffrey jennifer jenny jens jeremy jerome jerry jerzy jess jesse jessica jill jim
    jimmy joachim joan joanna joanne joaquin jochen jodie jody joe joel joey johan johann johannes john johnny jonas
    jonathan jono jordan jorge joris jose josef joseph josephine josh joshua josie joyce juan judith judy juergen
    jules julia julian julie juliet julio jurgen justin justine kai kaitlyn kane karel karen karin karl kasper
    katarzyna kate kath katherine kathleen kathrin kathryn kathy katie katja katrina kayla kaylee keira keith kelly
    kelvin ken kendra kenneth kenny kerri kerrie kerry kevin khalid kieran kim kirsten kirsty klaus kristen kristian
    kristina kristy krzysztof kumar kurt kyle kylie lachlan lana larry lars laura lauren laurence lawrence leah leanne
    leigh leila lena lenny leo leon leonard leonie leroy leslie leticia lewis liam linda lionel lisa liz liza
    lizzie lloyd logan lorenzo loretta lorraine lou louis louise lourdes luca lucas lucia lucinda lucy ludwig luigi
    luis lukas lukasz luke luther lydia lyle lynda lynette lynn lynne maciej mackenzie maddie madeleine madison magda
    magnus mahmoud malcolm malik mandy manfred manuel marc marcel marcelo marcin marco marcus mareike marek margaret
    margarita margot maria mariana marianne marie marilyn mario marion marisa marius marjorie markus marlene marlon
    marta martha martin martina marty marvin mary mateo mathew mathias mathieu matt matteo matthew matthias maureen
    maurice mauricio mauro maxime maxwell megan mei melanie melinda melissa melvin meredith merv mervyn micah michael
    michelle mick mickey miguel mikael mike mikhail milan mildred milton miranda miriam mitch mitchell mohamed
    mohammad mohammed mohan moira molly monica monika monique morgan moses muhammad murray mustafa myra myrtle nadia
    nadine nancy naomi narelle natalia natalie natasha nathan neal ned neil nelly nelson nerida niall nicholas nick
    nico nicola nicolas nicole niels nigel nikhil nikita nikki nikola nils nina noah noel noelle nora noreen norma
    norman odette olaf oleg olga oliver olivia ollie omar oren orlando oscar oswald otto owen pablo paddy paige
    pamela paolo pascal patrice patricia patrick patrik patsy paul paula pauline pawel pedro peggy penelope pepe percy
    peter petra phil philip phillip phyllis pierre pietro piotr pippa pradeep priscilla priya quentin quinn rachel
    rafael rahul raj rajesh ralf ralph ramesh ramon randall randy raoul raphael rashid raul ravi raymond rebecca
    reggie regina reginald reinhard renata rene renee reuben rex reza rhett rhonda rhys ricardo richard richie rick
    ricky rita robbie robbo robert roberta roberto robin rocco roderick rodney rodolfo rodrigo roger roland rolf roman
    romeo ron ronald ronan ronnie rory rosalie rosemary rosie rowan roxanne roy ruben rudi rudolf rudy rufus rupert
    russell ruth ryan ryder sabine sabrina sadie saeed sally salman salvador sam samantha samuel sandra sanjay sanjeev
    santiago sara sarah sascha saul savannah scott scotty sean sebastian selena serena sergei sergio seth shane
    shannon sharon shaun shauna shawn shayne sheila shelley sherry shirl shirley sid sidney siegfried sigrid silvia
    simon simone sinead sofia sofie solomon sonia sonja sophia sophie stacey stacie stacy stanislav stanley
    stefan stefanie steffen stella stephanie stephen steve steven stevie stewart stewie stu stuart sue sunil susan
    susanne suzanne sven sybil sylvia tadeusz talia tamara tamsin tania tanner tanya tara tarik tariq tasha ted teddy
    teresa terrence terri terry tess thea thelma theo theodore theresa thierry thomas thorsten tia tiffany tim timmy
    timothy tina tobias toby todd tom tomas tomasz tommy toni tony tonya torsten tracey tracie tracy travis trent
    trevor tricia trish tristan troy trudy tyler tyrone tyson udo ulrich ursula uwe valentin valentina valerie vanessa
    vaughan vaughn vernon veronica vicki vicky victor victoria vijay vikram viktor vincent vinny viola virginia
    vito vivian vladimir volker waldemar wallace wally walter wanda warren wayne wendell wendy werner wesley wilbur
    wilfred wilhelm willem william willie willy winston wojciech wolfgang xavier yannick yasmin yasmine yolanda yuri
    yusuf yves yvonne zac zach zachary zack zara zeke zoe
"""
_FAMILY = """
    abbott ackermann adams ahmad ahmadi alexandrou allison anderson andersson andrews arnott atkins atkinson barlow
    barrett bateman beckett bennett bergmann bianchi blackburn blackwell bradshaw brennan briggs buchanan burgess
    callaghan campbell carlson carmichael carr cartwright chatterjee christensen clarkson clements connelly connolly
    cortez costello coulson cunningham dalton davidson davies dawes delaney dempsey desai dhillon diaz dickson doe
    doherty donaldson donnelly donovan doyle dubois duffy edwards eliasson ellis eriksson esposito evans farrell
    ferguson fernandes fernandez ferreira fischer fitzgerald fitzpatrick flanagan flynn forsyth gallagher garcia
    gardiner gilmore gomez gonzales gonzalez goodwin griffiths gupta gustafsson gutierrez haines hansen hanson
    hargreaves harrington harrison hastings hawkins henderson hendriks hernandez herrera hicks higgins hoffmann
    hofmann hopkins horvath humphreys hutchinson ibarra iglesias ingram iyer jankowski jansen janssen jenkins jennings
    jensen jimenez johansson johnston jones kaminski kapoor kaufmann kelleher kennedy khan kirkpatrick klein kowalski
    kozlowski kramer krause kruger kuhn kvist larsen larsson lawson leclerc lefebvre lehmann lindberg livingstone
    lopez lozano lynch macdonald mackay maclean macleod mahoney malone marchetti martinez mccarthy mcdonald mcgregor
    mckenna mckenzie mckinnon mclean mcmahon mehta meier mendes mendez mendoza molina montgomery morales moran moreau
    moreno moretti morrison mueller muller mulligan munro murphy nakamura navarro neumann nguyen nichols nicholson
    nielsen nilsson nowak nunez obrien oconnell oconnor odonnell ogrady okafor oleary olsen olsson oneill ortega ortiz
    osullivan papadopoulos parkinson patel patterson pedersen pereira peters petersen peterson petrov pettersson
    phillips pietersen popescu popov prescott pritchard quigley quinlan ramirez ramos rasmussen redman reilly reyes
    reynolds ricci richards richardson rivera roberts robertson robinson rodrigues rodriguez romano romero rossi
    rossiter russo sanchez sanders sanderson santos schmidt schmitt schulte schulz schulze schwarz scully sharma
    shaughnessy sheehan silva simmons simpson sinclair singh smirnov smyth sorensen sousa steiner stephens stephenson
    stevens stevenson suarez sullivan sutherland svensson tanaka thompson thomson thorne tomlinson torres townsend
    turnbull vasquez vazquez velasquez villanueva vogel walsh watkins weber whitaker whitehead wiesner wilkins
    wilkinson williams williamson wojcik wouters yamada yamamoto zielinski zimmermann
"""
GIVEN_NAMES = frozenset(_GIVEN.split())
NAMES = GIVEN_NAMES | frozenset(_FAMILY.split())
