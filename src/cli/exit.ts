/** Exit codes: those of sysexits.h where there is one, because systemd prints them (design.md 10). */
export const EXIT = {
  ok: 0,
  gate: 1,
  inconclusive: 2,
  usage: 64,
  data: 65,
  noInput: 66,
  unavailable: 69,
  io: 74,
  noPermission: 77,
  config: 78,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the command with a message for people on standard error. Thrown by commands, caught in cli.ts, nowhere else. */
export class Stop extends Error {
  readonly code: ExitCode;

  constructor(code: ExitCode, message: string) {
    super(message);
    this.code = code;
  }
}
