/** Lets a few requests at a time begin, in the order in which they came. */

const MAX_AT_ONCE = 4

interface Turn {
  start: () => void
  hasStarted: boolean
}

let turns: readonly Turn[] = []

/** Calls `start` when it is this one's turn. Returns what ends it: call it when done, or when it is not wanted any more. */
export function takeTurn(start: () => void): () => void {
  const turn: Turn = { start, hasStarted: false }
  turns = [...turns, turn]
  startNext()
  return () => {
    turns = turns.filter((other) => other !== turn)
    startNext()
  }
}

function startNext(): void {
  for (const turn of turns.slice(0, MAX_AT_ONCE)) {
    if (turn.hasStarted) continue
    turn.hasStarted = true
    turn.start()
  }
}
