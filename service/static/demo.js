import { createClient } from "/clients/arki.js"

const KEY = "arki-demo-key", PERSONA = "arki-demo-persona"
const find = id => document.getElementById(id)
const personas = JSON.parse(find("personas").textContent)
const element = document.querySelector("arki-recommendation")
const { language } = document.documentElement.dataset
let client

const say = what => find("status").textContent = find("status").dataset[what]

const start = key => {
	client = key ? createClient({ key, language }) : undefined
	find("key-form").hidden = !!key
	find("choose").hidden = !key
	key ? ask() : show("noKey")
}

const show = (what, answer) => {
	element.show(answer, client)
	find("told").replaceChildren()
	find("raw").textContent = answer ? JSON.stringify(answer, null, 2) : ""
	say(what)
}

// The page keeps answer and error to show them; one that does not calls element.load(client, ask) and nothing else.
const ask = async () => {
	const { id, story, customer_type, signals } = personas.find(persona => persona.id == find("persona").value)
	const asked = client
	let answer, status
	sessionStorage.setItem(PERSONA, id)
	find("story").textContent = story
	say("asking")
	try {
		answer = await asked.recommend({ customer_type, signals })
	} catch (error) {
		status = error.status
	}
	if (client != asked || find("persona").value != id) return
	if (status == 401 || status == 403) forget("refused")
	else show(answer ? "shown" : "away", answer)
}

const forget = what => {
	sessionStorage.removeItem(KEY)
	start()
	say(what)
	find("key").focus()
}

for (const event of ["shown", "opened", "dismissed", "helpful", "not_helpful"])
	element.addEventListener(event, ({ detail }) => {
		const line = document.createElement("li")
		line.textContent = `${event}: ${detail.item}`
		find("told").append(line)
	})
find("persona").addEventListener("change", ask)
find("forget").addEventListener("click", () => forget("noKey"))
find("key-form").addEventListener("submit", event => {
	event.preventDefault()
	sessionStorage.setItem(KEY, find("key").value.trim())
	find("key").value = ""
	start(sessionStorage.getItem(KEY))
	find("persona").focus()
})
find("persona").value = sessionStorage.getItem(PERSONA) || personas[0].id
start(sessionStorage.getItem(KEY))
