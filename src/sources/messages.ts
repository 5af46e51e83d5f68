/** A message of the copy queue: a source has changed a name, or may have, or a read found an outdated copy. */
export interface SourceMessage {
  type: 'source'
  /** The name of the backend that is the source. */
  backend: string
  name: string
  /** When the source changed it, in milliseconds since 1970. Absent if a read noticed it. */
  at?: number
  /** When the Worker received the event. */
  received?: number
  /** How often it was handled before. */
  looks?: number
}
