/**
 * A client of Arki's API and the custom element `<arki-recommendation>`. No dependency, no build step, under 6 kB.
 *
 * Nothing is kept in the browser, and nothing goes anywhere but to `endpoint`. Works under
 * `default-src 'none'; script-src 'self'; connect-src 'self'`: no inline style, no HTML made from text.
 * Browsers of 2023 or newer; import it in the browser, not while rendering on a server.
 */

/** Each request, the body of `POST /v1/recommendations`; openapi.json has every field of `signals`. */
export interface Ask {
  customer_type: "person" | "employer";
  signals: Record<string, unknown>;
  language?: Language;
  limit?: number;
  /** Content ids already shown. */
  shown?: string[];
  /** The channels in which you can show items, and the kinds of content; items of others are left out. Default all. */
  channels?: string[];
  content_types?: string[];
  /** A day, or a moment with its offset. */
  as_of?: string;
}

/** A language of answers, as openapi.json of the service lists them. The element's own words are in fi, sv and en, else in fi. */
export type Language = "fi" | "sv" | "en" | (string & {});

export interface Content {
  id: string;
  title: string;
  /** Absolute, or, where the service has no ARKI_PUBLIC_URL, beginning with "/" for one of Arki's own pages. */
  url: string;
  language: Language;
  body?: string;
}

export interface Hours {
  ptv_channel: string;
  /** null where hours differ from place to place. */
  open_now: boolean | null;
  opens_at: string | null;
}

export interface Item extends Hours {
  rank: number;
  channel: string;
  content_type: string;
  content: Content;
  reason: { rule: string; text: string };
}

export interface Recommendation {
  recommendation_id: string;
  personalised: boolean;
  degraded: boolean;
  /** Whether `channels` or `content_types` left out an item that the answer would hold without them. */
  restricted: boolean;
  information_only: true;
  notice: string;
  as_of: string;
  valid_until: string;
  items: Item[];
  statutory: { content_type: string; content: Content }[];
  human_channel: Hours & { id: string; name: string; url: string | null };
}

export interface Outcome {
  recommendation_id: string;
  /** A content id of the recommendation. */
  item: string;
  event: "shown" | "opened" | "completed" | "dismissed" | "helpful" | "not_helpful";
  grade?: number;
  /** When it happened, RFC 3339; now if left out. */
  occurred_at?: string;
}

export interface ClientOptions {
  /**
   * Where `/v1/…` is: Arki itself, or your own back end that holds the key and passes requests on. Absolute, or relative to the
   * page, such as "/suggestions". Default: this origin. An address of content that begins with "/" is on the same origin.
   */
  endpoint?: string;
  /** An API key. In a browser only for trying out: in production your back end adds it. */
  key?: string;
  /** Headers of your own instead of a key, such as one against forged requests. */
  headers?: Record<string, string>;
  /** How long `recommend` takes at most, retries included; and one sending of outcomes. Default 3000. */
  timeoutMs?: number;
  /** Of an ask that names none; the service takes its first, "fi", where neither does, and refuses others, such as "fi-FI". */
  language?: Language;
}

/** Why there is no answer; its message is "No answer". */
export interface NoAnswer extends Error {
  /** HTTP status; undefined where nothing came back in time. */
  status?: number;
  /** The problem (RFC 9457), if the service told one. */
  problem?: unknown;
}

export interface Client {
  readonly endpoint: string;
  readonly language?: Language;
  /**
   * One recommendation, or a rejection with a `NoAnswer` within `timeoutMs`. Where the request cannot be made at all, such as
   * for a header that no request may have, the rejection is the browser's `TypeError`: a fault of the page, no outage.
   *
   * Retried only after 429, 503 or no answer, never before `Retry-After` has passed, after a random wait. Over all visitors
   * retries are at most a tenth of requests: a client starts with a random part of one retry and earns a tenth by each request.
   */
  recommend(ask: Ask): Promise<Recommendation>;
  /**
   * Tells what became of a recommendation, and returns the id of the event, which stays the same when it is sent again.
   *
   * Never throws and is never waited for. Events go together after half a second, and at once when the page is left or hidden:
   * with `fetch(…, {keepalive: true})` where there is a key or a header, since `navigator.sendBeacon` can carry neither, and
   * with `sendBeacon` where a cookie says who calls. What is refused, or still fails within the retry budget, is dropped.
   */
  sendOutcome(outcome: Outcome): string;
}

export function createClient(options: ClientOptions): Client;

/** What each event of the element carries. */
export interface OutcomeDetail {
  recommendation_id: string;
  item: string;
}

/**
 * Shows an answer: suggestions with their reasons, statutory content, the way to a person, the notice, and a choice whether it
 * helped. Until there is an answer, and where there is none, it shows what stands inside it: give it plain links.
 *
 * Emits `shown` once half of an item is in view, `opened`, `dismissed`, `helpful` and `not_helpful`, and sends them through the
 * client. The last three speak of the whole, and name its first item. What `dismissed` hides are suggestions; statutory content,
 * the way to a person and the notice stay. Emits `unavailable` where there is no answer or it cannot be shown; its detail is
 * the error: a `NoAnswer` with `status` and `problem`, or what a fault in code threw.
 *
 * Looks: custom properties `--arki-text`, `--arki-surface`, `--arki-border`, `--arki-accent`, `--arki-radius`, `--arki-gap`;
 * parts `card`, `heading`, `list`, `item`, `link`, `body`, `reason`, `hours`, `human`, `notice`, `button`.
 */
export interface ArkiRecommendation extends HTMLElement {
  /**
   * Asks and shows; resolves to the answer, or to undefined where the links inside stay. Never rejects: the error goes to the
   * console, and with the event `unavailable` to the page.
   */
  load(client: Client, ask: Ask): Promise<Recommendation | undefined>;
  /** Shows an answer that came another way, such as with the page; without one, the links inside. */
  show(answer?: Recommendation, client?: Partial<Client>, language?: Language): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "arki-recommendation": ArkiRecommendation;
  }
  interface HTMLElementEventMap {
    shown: CustomEvent<OutcomeDetail>;
    opened: CustomEvent<OutcomeDetail>;
    dismissed: CustomEvent<OutcomeDetail>;
    helpful: CustomEvent<OutcomeDetail>;
    not_helpful: CustomEvent<OutcomeDetail>;
    unavailable: CustomEvent<NoAnswer | Error>;
  }
}
