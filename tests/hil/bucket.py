"""A pump's control on a bucket of water, for tests."""

from hil.firmware import Curve, Firmware, FirmwareTruth, Sensed

STEP_S = 15.0
MIN_FRAC = 0.3
CURVE = Curve(slope=0.8, offset_k=2.0, room_influence_k_per_k=1.5, max_flow_c=55.0)


class Plant:
    """A bucket of water with a firmware: enough to make it run, stop and charge."""

    def __init__(self, truth=None, outdoor_c=0.0, curve=CURVE):
        self.firmware = Firmware(
            truth or FirmwareTruth(),
            curve,
            modulation_min_frac=MIN_FRAC,
            nominal_w=7000.0,
            room_setpoint_c=21.0,
        )
        self.firmware.season(outdoor_c)
        self.outdoor_c = outdoor_c
        self.flow_c = 32.0
        self.room_c = 21.0
        self.tank_c = 48.0
        self.power_w = 10.0
        self.defrosting = False
        self.loss_w_per_k = 230.0
        self.running_log = []

    def step(self, steps=1):
        firmware = self.firmware
        for _ in range(steps):
            sensed = Sensed(
                flow_c=self.flow_c,
                return_c=self.flow_c - 5.0,
                outdoor_c=self.outdoor_c,
                room_c=self.room_c,
                tank_c=self.tank_c,
                power_w=self.power_w,
                defrosting=self.defrosting,
            )
            firmware.step(STEP_S, sensed)
            heat_w = firmware.speed_frac * 7000.0
            self.power_w = 10.0 + 80.0 * (heat_w > 0) + heat_w / 3.0 + firmware.backup_w
            heat_w += firmware.backup_w
            if firmware.dhw:
                self.tank_c += STEP_S * heat_w / 800e3
                self.flow_c += STEP_S * (self.tank_c + 6.0 - self.flow_c) / 120.0
            else:
                loss_w = self.loss_w_per_k * (self.flow_c - 21.0)
                self.flow_c += STEP_S * (heat_w - loss_w) / 400e3
            self.running_log.append(firmware.running)
        return self
