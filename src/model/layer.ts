/** From the client inwards. Spans of different runtimes nest by it. */
export const LAYERS = ['client', 'cri', 'shim', 'runtime', 'hypervisor', 'guest'] as const;
export type Layer = (typeof LAYERS)[number];
