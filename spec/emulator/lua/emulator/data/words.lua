--- Names, places and phrases the generator draws from.
local words = {}

words.first = { "Jenny", "Zoë", "José", "Anaïs", "Søren", "Łukasz", "Chloe", "Amara", "Noah", "Mia",
  "Oliver", "Priya", "Yuki", "Omar", "Elif", "Björn", "Siobhán", "Nguyễn", "Fatima", "Lars", "Ines",
  "Tomás", "Grace", "Ming" }
words.last = { "Rosen", "Müller", "García", "O'Brien", "Nowak", "Sørensen", "Dubois", "Ōtani",
  "Kowalski", "Smith", "Patel", "Yılmaz", "Hernández", "Kim", "Öztürk", "Čapek", "van der Berg",
  "D'Angelo", "Ivanova", "Chen" }
words.whole = { "田中 花子", "김민준", "محمد علي", "Анна Иванова", "王小明", "Ελένη Παπαδοπούλου", "דוד כהן",
  "Robert \"Bob\" Tables", "Back\\Slash Ltd", "🎉 Party Shop" }
words.business = { "Nordlicht GmbH", "Café Olé S.L.", "Acme Widgets, Inc.", "株式会社さくら",
  "Brew & Bean LLC", "Fjord Outdoor AS", "Tea/Time Ltd", "Smörgås AB" }

-- country -> line1, city, state, postal code
words.places = {
  US = { { "510 Townsend St", "San Francisco", "CA", "94103" },
    { "1 Main Street", "Boston", "MA", "02108" }, { "77 Congress Ave", "Austin", "TX", "78701" } },
  DE = { { "Straße des 17. Juni 135", "Berlin", nil, "10623" },
    { "Königsallee 1", "Düsseldorf", nil, "40212" } },
  FR = { { "5 rue de la Paix", "Paris", nil, "75002" } },
  ES = { { "Calle de Alcalá 20", "Madrid", "Madrid", "28014" } },
  NL = { { "Keizersgracht 5", "Amsterdam", nil, "1015 CJ" } },
  GB = { { "10 Downing Street", "London", nil, "SW1A 2AA" },
    { "1 Royal Mile", "Edinburgh", "Scotland", "EH1 1RE" } },
  CA = { { "123 Rue Sainte-Catherine", "Montréal", "QC", "H2X 1K4" } },
  JP = { { "丸の内1-1-1", "千代田区", "東京都", "100-0005" } },
  KR = { { "세종대로 110", "서울", nil, "04524" } },
  IE = { { "25 Grafton Street", "Dublin", nil, nil } },
  BR = { { "Av. Paulista 1000", "São Paulo", "SP", "01310-100" } },
  IN = { { "14 MG Road", "Bengaluru", "KA", "560001" } },
  PL = { { "ul. Długa 3", "Kraków", nil, "31-147" } },
  IS = { { "Laugavegur 1", "Reykjavík", nil, "101" } },
}
words.countries = { "US", "US", "US", "DE", "GB", "FR", "CA", "ES", "NL", "JP", "IE", "BR", "IN",
  "PL", "IS", "KR" }

words.descriptions = { "Order", "Invoice", "Subscription update", "Ticket", "Donation",
  "Bestellung", "Deposit for" }
words.products = { "T-shirt", "Gray Cotton Hoodie", "Espresso Beans 1 kg", "Yoga Class", "Pro Plan",
  "Storage Box", "Crème brûlée Kit", "Wool Socks", "Gift Box \"Deluxe\"", "Poster 50×70",
  "Ceramic Mug", "API Credits", "抹茶セット", "Bike Repair", "Annual Membership", "Desk Lamp",
  "Notebook", "Sunglasses", "Concert Ticket", "Hand Soap" }

-- failure code -> decline message, outcome reason, outcome type, seller message
words.failures = {
  card_declined = { "Your card was declined.", "generic_decline", "issuer_declined",
    "The bank did not return any further details with this decline." },
  insufficient_funds = { "Your card has insufficient funds.", "insufficient_funds",
    "issuer_declined", "The bank returned the decline code `insufficient_funds`." },
  expired_card = { "Your card has expired.", "expired_card", "issuer_declined",
    "The bank returned the decline code `expired_card`." },
  incorrect_cvc = { "Your card's security code is incorrect.", "incorrect_cvc", "issuer_declined",
    "The bank returned the decline code `incorrect_cvc`." },
  incorrect_number = { "Your card number is incorrect.", "incorrect_number", "issuer_declined",
    "The bank returned the decline code `incorrect_number`." },
  processing_error = { "An error occurred while processing your card. Try again in a little bit.",
    "processing_error", "issuer_declined", "The bank returned the decline code"
      .. " `processing_error`." },
  authentication_required = { "Your card was declined. This transaction requires authentication.",
    "authentication_required", "issuer_declined", "The bank returned the decline code"
      .. " `authentication_required`." },
  payment_method_provider_decline = { "The payment was declined by the provider.",
    "generic_decline", "issuer_declined", "The provider declined the payment." },
  blocked = { "Your card was declined.", "highest_risk_level", "blocked",
    "Stripe blocked this payment as too risky." },
}
-- `blocked` is a reason, not a failure code of its own.
words.failure_codes = { blocked = "card_declined", insufficient_funds = "card_declined" }

words.brands = {
  { "visa", "4242" }, { "visa", "1881" }, { "mastercard", "4444" }, { "mastercard", "8210" },
  { "amex", "8431" }, { "discover", "1117" }, { "visa", "5556" }, { "jcb", "0505" },
  { "unionpay", "0005" }, { "diners", "3237" },
}

return words
