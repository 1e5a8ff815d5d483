interface Chunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[];
  readonly error?: { readonly code?: string | null };
}

/** Puts the text of a streamed answer together from the pieces in which it arrives. */
export class SseText {
  #rest = '';
  #text = '';
  #chunks = 0;
  #done = false;
  #failure: string | undefined;

  get text(): string {
    return this.#text;
  }

  /** Chunks with text. */
  get chunks(): number {
    return this.#chunks;
  }

  /** `[DONE]` was there. */
  get done(): boolean {
    return this.#done;
  }

  /** The first thing that was wrong. */
  get failure(): string | undefined {
    return this.#failure;
  }

  add(piece: string): void {
    const blocks = (this.#rest + piece).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) {
      // Anything else is a comment, such as a heartbeat.
      if (block.startsWith('data: ')) this.#event(block.slice('data: '.length));
    }
  }

  #event(data: string): void {
    if (this.#done) this.#failure ??= 'an event came after [DONE]';
    if (data === '[DONE]') {
      this.#done = true;
      return;
    }
    // Both servers are ours, and a shape that is not OpenAI's shows as missing text.
    const { choices, error } = JSON.parse(data) as Chunk;
    if (error !== undefined) this.#failure ??= `error ${error.code ?? 'without a code'}`;
    const content = choices?.[0]?.delta?.content ?? '';
    if (content === '') return;
    this.#text += content;
    this.#chunks += 1;
  }
}
