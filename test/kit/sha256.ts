const encoder = new TextEncoder()

/** SHA-256, or its HMAC with a secret, for AWS's signer. By WebCrypto: in JavaScript a part of 5 MiB takes most of a second. */
export class Sha256 {
  readonly #secret: Uint8Array<ArrayBuffer> | undefined
  readonly #parts: Uint8Array<ArrayBuffer>[] = []

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#secret = secret === undefined ? undefined : bytesFrom(secret)
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#parts.push(bytesFrom(data))
  }

  async digest(): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await new Blob(this.#parts).arrayBuffer()
    if (!this.#secret) return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
    const hmac = { name: 'HMAC', hash: 'SHA-256' }
    const key = await crypto.subtle.importKey('raw', this.#secret, hmac, false, ['sign'])
    return new Uint8Array(await crypto.subtle.sign('HMAC', key, bytes))
  }

  reset(): void {
    this.#parts.length = 0
  }
}

function bytesFrom(data: string | ArrayBuffer | ArrayBufferView): Uint8Array<ArrayBuffer> {
  if (typeof data === 'string') return new Uint8Array(encoder.encode(data))
  const view =
    data instanceof ArrayBuffer
      ? new Uint8Array(data)
      : new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return view.slice() as Uint8Array<ArrayBuffer>
}
