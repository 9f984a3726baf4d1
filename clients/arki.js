// Types: arki.d.ts
const TEXTS = {
	fi: "Ehdotuksia|Muista myös tämä.|Puhu ihmisen kanssa|Avoinna nyt|Avautuu|Oliko tästä apua?|Kyllä|Ei|Piilota ehdotukset|Kiitos palautteesta.",
	sv: "Förslag|Kom också ihåg det här.|Tala med en människa|Öppet nu|Öppnar|Hade du nytta av det här?|Ja|Nej|Dölj förslagen|Tack för din respons.",
	en: "Suggestions|Remember this, too.|Talk with a person|Open now|Opens|Was this helpful?|Yes|No|Hide suggestions|Thank you for your feedback.",
}
const sheet = new CSSStyleSheet()
sheet.replaceSync(`section,button{border:1px solid var(--arki-border,#767676);border-radius:var(--arki-radius,8px);padding:var(--arki-gap,1rem)}
section{color:var(--arki-text,#1a1a1a);background:var(--arki-surface,#fff)}
a,button{color:var(--arki-accent,#003d8f)}
button{font:inherit;background:none;margin:.5rem .25rem}
p{margin:.3rem 0}
li{margin:1rem 0}
:focus-visible{outline:3px solid}`)

export const createClient = ({endpoint = "", key, headers, timeoutMs = 3000, language}) => {
	const own = headers || key && {Authorization: "Bearer " + key}, type = "application/json", queue = []
	let tokens = Math.random(), resumeAt = 0, timer

	const pause = () => Math.max(resumeAt - Date.now(), 0)
	const post = async (path, body, until = Infinity) => {
		const error = Error("No answer")
		for (let retry = 0; ; retry = 1) {
			const ms = pause() + retry * Math.random() * 500
			if (Date.now() + ms > until || tokens < retry) throw error
			tokens -= retry
			if (ms) await new Promise(done => setTimeout(done, ms))
			tokens = Math.min(tokens + .09, 10)
			const request = new Request(endpoint + path, {
				method: "POST", headers: {"Content-Type": type, ...own}, body: JSON.stringify(body), keepalive: !!body.events,
			})
			try {
				const response = await fetch(request, {signal: AbortSignal.timeout(Math.min(until - Date.now(), timeoutMs))})
				const after = response.headers.get("Retry-After")
				resumeAt = after > 0 ? Date.now() + after * 1000 : Date.parse(after) || 0
				error.status = response.status
				error.problem = await response.json()
				if (response.ok) return error.problem
			} catch {}
			if (![undefined, 429, 503].includes(error.status)) throw error
		}
	}
	const flush = leaving => {
		const events = queue.splice(0, 50), path = "/v1/outcomes"
		timer = 0
		if (!events[0]) return
		if (!leaving || own || pause() || !navigator.sendBeacon(endpoint + path, new Blob([JSON.stringify({events})], {type})))
			post(path, {events}).catch(() => {})
		flush(leaving)
	}
	addEventListener("visibilitychange", flush)
	return {
		endpoint, language,
		recommend: ask => post("/v1/recommendations", {language, ...ask}, Date.now() + timeoutMs),
		sendOutcome(event) {
			const event_id = crypto.randomUUID()
			queue.push({event_id, occurred_at: new Date().toISOString(), ...event})
			timer ||= setTimeout(flush, 500)
			return event_id
		},
	}
}

const make = (tag, part = "", ...children) => {
	const node = Object.assign(document.createElement(tag), {part})
	node.append(...children)
	return node
}

customElements.define("arki-recommendation", class extends HTMLElement {
	#turn = 0
	constructor() {
		super()
		this.attachShadow({mode: "open"}).adoptedStyleSheets = [sheet]
		this.show()
	}
	async load(client, ask) {
		const turn = ++this.#turn
		try {
			const answer = await client.recommend(ask)
			if (turn == this.#turn) this.show(answer, client, ask.language)
			return answer
		} catch (detail) {
			console.error(detail, detail.problem)
			if (turn == this.#turn) this.show(), this.dispatchEvent(new CustomEvent("unavailable", {detail, bubbles: true}))
		}
	}
	show(answer, client = {}, language = client.language || "fi") {
		if (!answer) return this.shadowRoot.replaceChildren(make("slot"))
		const [heading, also, person, openNow, opens, question, yes, no, hide, thanks] = (TEXTS[language] ?? TEXTS.fi).split("|")
		const {items, statutory, human_channel: human, recommendation_id} = answer
		const tell = (event, item) => {
			const detail = {recommendation_id, item: item.content.id}
			this.dispatchEvent(new CustomEvent(event, {detail, bubbles: true}))
			client.sendOutcome?.({event, ...detail})
		}
		const link = ({url, title, language: lang}, onclick) => {
			if (!url) return title
			const href = new URL(url, new URL(client.endpoint || "", document.baseURI))
			if (url[0] == "/") href.searchParams.set("language", lang)
			return Object.assign(make("a", "link", title), {href, lang, onclick})
		}
		const hours = ({open_now, opens_at, ptv_channel}) => make("p", "hours",
			opens_at ? opens + " " + new Date(opens_at).toLocaleString(language + "-FI", {dateStyle: "medium", timeStyle: "short", timeZone: "Europe/Helsinki"})
				: open_now && /Ph|Lo/.test(ptv_channel) ? openNow : "")
		const row = item => {
			const node = make("li", "item", link(item.content, () => tell("opened", item)),
				make("p", "body", item.content.body || ""), make("p", "reason", item.reason?.text || also), hours(item))
			const eye = new IntersectionObserver(seen => seen.at(-1).isIntersecting && (eye.disconnect(), tell("shown", item)), {threshold: .5})
			eye.observe(node)
			return node
		}
		const button = (word, event) => Object.assign(make("button", "button", word), {onclick() {
			tell(event, items[0])
			if (word == hide) rows.map(node => node.remove()), choices.replaceWith(make("slot"))
			else choices.textContent = thanks
			card.focus()
		}})
		const rows = items.map(row)
		const choices = make("div", "", make("p", "", question), button(yes, "helpful"), button(no, "not_helpful"), button(hide, "dismissed"))
		choices.role = "status"
		const card = make("section", "card", make("h2", "heading", heading), make("ul", "list", ...rows, ...statutory.map(row)),
			make("p", "human", person + ": ", link({...human, title: human.name, language})), hours(human),
			make("p", "notice", answer.notice), rows[0] ? choices : make("slot"))
		card.ariaLabel = heading
		card.tabIndex = -1
		this.shadowRoot.replaceChildren(card)
	}
})
